-- Grain: one number of a reported figure: known_month × month × branch_code × measure_id.
-- measure_id is <kpi_id>.<numerator|denominator|value|done|none|withheld>. Reported figures are cumulative already, so nothing
-- here is ever summed over months. <kpi_id>.none = 1 says that the report withdrew the figure or had none (―, 集計中),
-- <kpi_id>.withheld = 1 that it failed a critical rule: its numbers must not be used and are not here.
with reports as (

    select * from {{ ref('stg_kpi_results') }}

),

results as (

    select * from reports
    where failed_rules is null

),

numbers as (

    select
        known_month,
        as_of as month,
        branch_code,
        kpi_id || '.numerator' as measure_id,
        numerator as value
    from results
    union all
    select
        known_month,
        as_of as month,
        branch_code,
        kpi_id || '.denominator' as measure_id,
        denominator as value
    from results
    union all
    select
        known_month,
        as_of as month,
        branch_code,
        kpi_id || '.value' as measure_id,
        value
    from results
    union all
    select
        known_month,
        as_of as month,
        branch_code,
        kpi_id || '.done' as measure_id,
        cast(cast(is_done as integer) as decimal(28, 10)) as value
    from results
    union all
    select
        known_month,
        as_of as month,
        branch_code,
        kpi_id || '.none' as measure_id,
        case
            when value is null and is_done is null and (numerator is null or denominator is null)
                then cast(1 as decimal(28, 10))
        end as value
    from results
    union all
    select
        known_month,
        as_of as month,
        branch_code,
        kpi_id || '.withheld' as measure_id,
        cast(1 as decimal(28, 10)) as value
    from reports
    where failed_rules is not null

),

final as (

    select
        known_month,
        month,
        branch_code,
        measure_id,
        value
    from numbers
    where value is not null

)

select * from final
order by month, branch_code, measure_id
