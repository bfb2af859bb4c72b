-- Grain: one version of a request to re-examine a receipt: known_month × branch_code × request_no × sign.
-- A request of the month counts +1; the version of it that an earlier month sent (open, or with another result) counts −1 from
-- this month on, in its own month of result.
with received as (

    select * from {{ ref('stg_receipt_audits') }}

),

replaced as (

    select earlier.*
    from {{ history('stg_receipt_audits') }} as earlier
    semi join received
        on
            earlier.branch_code = received.branch_code
            and earlier.request_no = received.request_no
    where earlier.known_month < '{{ var("month") }}'
    qualify
        row_number() over (
            partition by earlier.branch_code, earlier.request_no
            order by earlier.known_month desc
        ) = 1

),

versions as (

    select
        *,
        1 as sign
    from received
    union all
    select
        *,
        -1 as sign
    from replaced

),

final as (

    select
        '{{ var("month") }}' as known_month,
        branch_code,
        request_no,
        sign,
        audit_type,
        requested_month,
        result_month,
        outcome,
        assessed_yen
    from versions

)

select * from final
order by branch_code, request_no, sign
