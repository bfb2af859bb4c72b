-- Grain: one application as submitted: known_month × branch_code × application_no.
-- Source: raw.benefit_decisions of the month, without the rows of submissions that a later one replaced or that are held back.
with source as (

    {{ used_rows(source('raw', 'benefit_decisions'), ref('stg_submissions'), 'benefit_decisions') }}

),

final as (

    select
        known_month,
        branch_code,
        application_no,
        benefit_type,
        channel,
        received_on,
        returned_on,
        resubmitted_on,
        decided_on,
        paid_on,
        decision,
        amount_yen,
        member_key
    from source

)

select * from final
order by branch_code, application_no
