-- Grain: one receipt (レセプト) as submitted: known_month × branch_code × claim_no.
-- Source: raw.claims of the month, without the rows of submissions that a later one replaced or that are held back.
-- A view: 50 million rows a month are not worth a second copy on disk.
with source as (

    select * from {{ source('raw', 'claims') }}

),

not_used as (

    select
        file,
        branch_code
    from {{ ref('stg_submissions') }}
    where
        dataset = 'claims'
        and status != 'used'

),

final as (

    select
        source.known_month,
        source.branch_code,
        source.claim_no,
        source.service_month,
        source.review_month,
        source.claim_type,
        source.member_key,
        source.points,
        source.generic_quantity,
        source.brand_quantity,
        source.generic_yen,
        source.brand_yen,
        source.treats_blood_pressure,
        source.treats_glucose,
        source.treats_lipid
    from source
    anti join not_used
        on
            source.file = not_used.file
            and source.branch_code = not_used.branch_code

)

select * from final
