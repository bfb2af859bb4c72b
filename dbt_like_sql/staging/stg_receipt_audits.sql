-- Grain: one request to re-examine a receipt as submitted: known_month × branch_code × request_no.
-- Source: raw.receipt_audits of the month, without the rows of submissions that a later one replaced or that are held back.
with source as (

    select * from {{ source('raw', 'receipt_audits') }}

),

not_used as (

    select
        file,
        branch_code
    from {{ ref('stg_submissions') }}
    where
        dataset = 'receipt_audits'
        and status != 'used'

),

final as (

    select
        source.known_month,
        source.branch_code,
        source.request_no,
        source.audit_type,
        source.claim_no,
        source.requested_month,
        source.result_month,
        source.outcome,
        source.assessed_yen
    from source
    anti join not_used
        on
            source.file = not_used.file
            and source.branch_code = not_used.branch_code

)

select * from final
order by branch_code, request_no
