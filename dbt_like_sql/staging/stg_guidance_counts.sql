-- Grain: the health guidance of one provider and month: known_month × branch_code × subject × provider.
-- Source: raw.guidance_counts of the month, without the rows of submissions that a later one replaced or that are held back.
with source as (

    {{ used_rows(source('raw', 'guidance_counts'), ref('stg_submissions'), 'guidance_counts') }}

),

final as (

    select
        known_month,
        branch_code,
        subject,
        provider,
        eligible,
        first_interviews,
        evaluated
    from source

)

select * from final
order by branch_code, subject, provider
