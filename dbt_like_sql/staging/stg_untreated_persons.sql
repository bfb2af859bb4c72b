-- Grain: one untreated person and check-up as submitted: known_month × branch_code × member_key × checkup_month.
-- Source: raw.untreated_persons of the month, without the rows of submissions that a later one replaced or that are held back.
with source as (

    select * from {{ source('raw', 'untreated_persons') }}

),

not_used as (

    select
        file,
        branch_code
    from {{ ref('stg_submissions') }}
    where
        dataset = 'untreated_persons'
        and status != 'used'

),

final as (

    select
        source.known_month,
        source.branch_code,
        source.member_key,
        source.checkup_month,
        source.over_blood_pressure,
        source.over_glucose,
        source.over_lipid
    from source
    anti join not_used
        on
            source.file = not_used.file
            and source.branch_code = not_used.branch_code

)

select * from final
order by branch_code, member_key, checkup_month
