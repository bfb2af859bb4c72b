-- Grain: one application as submitted: known_month × branch_code × application_no.
-- Source: raw.benefit_decisions of the month, without the rows of submissions that a later one replaced or that are held back.
with source as (

    select * from {{ source('raw', 'benefit_decisions') }}

),

not_used as (

    select
        file,
        branch_code
    from {{ ref('stg_submissions') }}
    where
        dataset = 'benefit_decisions'
        and status != 'used'

),

final as (

    select
        source.known_month,
        source.branch_code,
        source.application_no,
        source.benefit_type,
        source.channel,
        source.received_on,
        source.returned_on,
        source.resubmitted_on,
        source.decided_on,
        source.paid_on,
        source.decision,
        source.amount_yen,
        source.member_key
    from source
    anti join not_used
        on
            source.file = not_used.file
            and source.branch_code = not_used.branch_code

)

select * from final
order by branch_code, application_no
