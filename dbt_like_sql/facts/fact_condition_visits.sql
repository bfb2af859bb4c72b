-- Grain: one receipt that treats high blood pressure, diabetes or dyslipidaemia.
-- One pass over the month's receipts. The member is a keyed hash; no receipt number is kept. Rows stand in no particular order:
-- ten million a month are not sorted for its sake, and what is made of them does not depend on it.
with claims as (

    select * from {{ ref('stg_claims') }}

),

final as (

    select
        known_month,
        branch_code,
        member_key,
        service_month,
        treats_blood_pressure,
        treats_glucose,
        treats_lipid
    from claims
    where treats_blood_pressure or treats_glucose or treats_lipid

)

select * from final
