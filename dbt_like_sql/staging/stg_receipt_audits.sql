-- Grain: one request to re-examine a receipt as submitted: known_month × branch_code × request_no.
-- Source: raw.receipt_audits of the month, without the rows of submissions that a later one replaced or that are held back.
with source as (

    {{ used_rows(source('raw', 'receipt_audits'), ref('stg_submissions'), 'receipt_audits') }}

),

final as (

    select
        known_month,
        branch_code,
        request_no,
        audit_type,
        claim_no,
        requested_month,
        result_month,
        outcome,
        assessed_yen
    from source

)

select * from final
order by branch_code, request_no
