-- Grain: one receipt (レセプト) as submitted: known_month × branch_code × claim_no.
-- Source: raw.claims of the month, without the rows of submissions that a later one replaced or that are held back.
-- A view: 50 million rows a month are not worth a second copy on disk.
with source as (

    {{ used_rows(source('raw', 'claims'), ref('stg_submissions'), 'claims') }}

),

final as (

    select
        known_month,
        branch_code,
        claim_no,
        service_month,
        review_month,
        claim_type,
        member_key,
        points,
        generic_quantity,
        brand_quantity,
        generic_yen,
        brand_yen,
        treats_blood_pressure,
        treats_glucose,
        treats_lipid
    from source

)

select * from final
