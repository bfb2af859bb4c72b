-- Grain: untreated persons of one check-up month as known in the month run, and those of them who were seen:
-- known_month × cohort_fiscal_year × month × branch_code × measure_id.
-- A snapshot, never added up over known_months: that a person was seen may come to light in any later month. A person counts
-- once in a fiscal year of check-ups, with the first (as it was sent last). Visited means a receipt of the check-up month or of
-- one of the ten months after it, for a condition that the person was over. Only check-ups whose ten months are over.
with checkups as (

    select
        branch_code,
        member_key,
        checkup_month,
        over_blood_pressure,
        over_glucose,
        over_lipid,
        {{ fiscal_year('checkup_month') }} as cohort_fiscal_year
    from {{ history('stg_untreated_persons') }}
    where
        checkup_month >= {{ year_start(fiscal_year("'" ~ var("month") ~ "'") ~ ' - 2') }}
        and checkup_month < {{ year_start(fiscal_year("'" ~ var("month") ~ "'")) }}
        and (over_blood_pressure or over_glucose or over_lipid)
    qualify
        row_number() over (
            partition by branch_code, member_key, cohort_fiscal_year
            order by checkup_month asc, known_month desc, over_blood_pressure desc, over_glucose desc, over_lipid desc
        ) = 1

),

visit_months as (

    select
        fiscal_year,
        cast(max(value) as integer) as visit_months
    from {{ source('reference', 'parameters') }}
    where parameter = 'untreated_visit_months'
    group by fiscal_year

),

-- the KPI of a fiscal year is about the check-ups of the year before it
checkup_months as (

    select
        different.cohort_fiscal_year,
        different.checkup_month,
        {{ add_months('different.checkup_month', 'visit_months.visit_months') }} as last_visit_month
    from (
        select distinct
            cohort_fiscal_year,
            checkup_month
        from checkups
    ) as different
    inner join visit_months
        on different.cohort_fiscal_year + 1 = visit_months.fiscal_year

),

cohort as (

    select
        checkups.*,
        checkup_months.last_visit_month
    from checkups
    inner join checkup_months
        on
            checkups.cohort_fiscal_year = checkup_months.cohort_fiscal_year
            and checkups.checkup_month = checkup_months.checkup_month
    where checkup_months.last_visit_month <= '{{ var("month") }}'

),

visited as (

    select distinct
        cohort.cohort_fiscal_year,
        cohort.branch_code,
        cohort.checkup_month,
        cohort.last_visit_month,
        cohort.member_key
    from {{ history('fact_untreated_visits') }} as visits
    inner join cohort
        on
            visits.branch_code = cohort.branch_code
            and visits.member_key = cohort.member_key
            and visits.service_month >= cohort.checkup_month
            and visits.service_month <= cohort.last_visit_month
    where
        (visits.treats_blood_pressure and cohort.over_blood_pressure)
        or (visits.treats_glucose and cohort.over_glucose)
        or (visits.treats_lipid and cohort.over_lipid)

),

counts as (

    select
        cohort_fiscal_year,
        checkup_month as month,
        last_visit_month,
        branch_code,
        'untreated_persons' as measure_id,
        count(*) as persons
    from cohort
    group by cohort_fiscal_year, checkup_month, last_visit_month, branch_code
    union all
    select
        cohort_fiscal_year,
        checkup_month as month,
        last_visit_month,
        branch_code,
        'untreated_persons_visited' as measure_id,
        count(*) as persons
    from visited
    group by cohort_fiscal_year, checkup_month, last_visit_month, branch_code

),

final as (

    select
        '{{ var("month") }}' as known_month,
        cohort_fiscal_year,
        month,
        last_visit_month,
        branch_code,
        measure_id,
        cast(persons as decimal(28, 10)) as value
    from counts

)

select * from final
order by cohort_fiscal_year, month, branch_code, measure_id
