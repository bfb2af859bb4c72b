-- Grain: the receipts of one branch by month and type: known_month × branch_code × service_month × review_month × claim_type.
-- One pass over the month's receipts; nothing of a person is left. Quantities and costs of drugs that are blank count as none.
with claims as (

    select * from {{ ref('stg_claims') }}

),

final as (

    select
        known_month,
        branch_code,
        service_month,
        review_month,
        claim_type,
        count(*) as claims,
        cast(sum(points) as bigint) as points,
        cast(coalesce(sum(generic_quantity), 0) as decimal(38, 4)) as generic_quantity,
        cast(coalesce(sum(brand_quantity), 0) as decimal(38, 4)) as brand_quantity,
        cast(coalesce(sum(generic_yen), 0) as decimal(38, 4)) as generic_yen,
        cast(coalesce(sum(brand_yen), 0) as decimal(38, 4)) as brand_yen
    from claims
    group by known_month, branch_code, service_month, review_month, claim_type

)

select * from final
order by branch_code, service_month, review_month, claim_type
