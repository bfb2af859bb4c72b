-- Grain: one receipt that treats high blood pressure, diabetes or dyslipidaemia.
-- The member is a keyed hash; no receipt number is kept. Ordered by all columns, so that the bytes do not depend on how many
-- threads share the month.
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
order by branch_code, member_key, service_month, treats_blood_pressure, treats_glucose, treats_lipid
