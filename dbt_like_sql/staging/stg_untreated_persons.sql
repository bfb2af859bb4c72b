-- Grain: one untreated person and check-up as submitted: known_month × branch_code × member_key × checkup_month.
-- Source: raw.untreated_persons of the month, without the rows of submissions that a later one replaced or that are held back.
with source as (

    {{ used_rows(source('raw', 'untreated_persons'), ref('stg_submissions'), 'untreated_persons') }}

),

final as (

    select
        known_month,
        branch_code,
        member_key,
        checkup_month,
        over_blood_pressure,
        over_glucose,
        over_lipid
    from source

)

select * from final
order by branch_code, member_key, checkup_month
