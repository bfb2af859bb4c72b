-- Grain: the health guidance of one provider and month: known_month × branch_code × subject × provider.
-- Source: raw.guidance_counts of the month, without the rows of submissions that a later one replaced or that are held back.
with source as (

    select * from {{ source('raw', 'guidance_counts') }}

),

not_used as (

    select
        file,
        branch_code
    from {{ ref('stg_submissions') }}
    where
        dataset = 'guidance_counts'
        and status != 'used'

),

final as (

    select
        source.known_month,
        source.branch_code,
        source.subject,
        source.provider,
        source.eligible,
        source.first_interviews,
        source.evaluated
    from source
    anti join not_used
        on
            source.file = not_used.file
            and source.branch_code = not_used.branch_code

)

select * from final
order by branch_code, subject, provider
