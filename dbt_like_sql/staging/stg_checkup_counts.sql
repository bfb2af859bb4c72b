-- Grain: the check-ups of one programme and month: known_month × branch_code × programme.
-- Source: raw.checkup_counts of the month, without the rows of submissions that a later one replaced or that are held back.
with source as (

    {{ used_rows(source('raw', 'checkup_counts'), ref('stg_submissions'), 'checkup_counts') }}

),

final as (

    select
        known_month,
        branch_code,
        programme,
        eligible,
        performed
    from source

)

select * from final
order by branch_code, programme
