-- Grain: one receipt of an untreated person (未治療者) for one of the three conditions, from the check-up month on.
-- The visits that the month brought of persons known by now, and the earlier visits of those who became known this month, or
-- of whom an earlier check-up did. known_month is the month from which person and visit are both known.
-- Check-ups count that can still matter to a figure: of this fiscal year and the two before it.
with persons as (

    select
        branch_code,
        member_key,
        min(checkup_month) as first_checkup_month,
        min(case when known_month < '{{ var("month") }}' then checkup_month end) as first_checkup_month_before
    from {{ history('stg_untreated_persons') }}
    where checkup_month >= {{ year_start(fiscal_year("'" ~ var("month") ~ "'") ~ ' - 2') }}
    group by branch_code, member_key

),

visits_of_the_month as (

    select
        visits.branch_code,
        visits.member_key,
        visits.service_month,
        visits.treats_blood_pressure,
        visits.treats_glucose,
        visits.treats_lipid
    from {{ ref('fact_condition_visits') }} as visits
    inner join persons
        on
            visits.branch_code = persons.branch_code
            and visits.member_key = persons.member_key
            and visits.service_month >= persons.first_checkup_month

),

newly_known as (

    select
        branch_code,
        member_key,
        first_checkup_month,
        coalesce(first_checkup_month_before, '9999-12') as visits_known_from
    from persons
    where
        first_checkup_month_before is null
        or first_checkup_month < first_checkup_month_before

),

-- a visit is never known before it took place: months before the first of these check-ups need not be read
months_that_matter as (

    select distinct known_month
    from {{ history('stg_submissions') }}
    where
        dataset = 'claims'
        and known_month < '{{ var("month") }}'
        and known_month >= (select min(newly_known.first_checkup_month) from newly_known)

),

visits_before as (

    select
        visits.branch_code,
        visits.member_key,
        visits.service_month,
        visits.treats_blood_pressure,
        visits.treats_glucose,
        visits.treats_lipid
    from {{ history('fact_condition_visits') }} as visits
    inner join newly_known
        on
            visits.branch_code = newly_known.branch_code
            and visits.member_key = newly_known.member_key
            and visits.service_month >= newly_known.first_checkup_month
            and visits.service_month < newly_known.visits_known_from
    inner join months_that_matter
        on visits.known_month = months_that_matter.known_month

),

visits as (

    select * from visits_of_the_month
    union all
    select * from visits_before

),

final as (

    select
        '{{ var("month") }}' as known_month,
        branch_code,
        member_key,
        service_month,
        treats_blood_pressure,
        treats_glucose,
        treats_lipid
    from visits

)

select * from final
order by branch_code, member_key, service_month, treats_blood_pressure, treats_glucose, treats_lipid
