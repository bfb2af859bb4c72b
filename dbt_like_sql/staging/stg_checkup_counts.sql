-- Grain: the check-ups of one programme and month: known_month × branch_code × programme.
-- Source: raw.checkup_counts of the month, without the rows of submissions that a later one replaced or that are held back.
with source as (

    select * from {{ source('raw', 'checkup_counts') }}

),

not_used as (

    select
        file,
        branch_code
    from {{ ref('stg_submissions') }}
    where
        dataset = 'checkup_counts'
        and status != 'used'

),

final as (

    select
        source.known_month,
        source.branch_code,
        source.programme,
        source.eligible,
        source.performed
    from source
    anti join not_used
        on
            source.file = not_used.file
            and source.branch_code = not_used.branch_code

)

select * from final
order by branch_code, programme
