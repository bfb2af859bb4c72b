-- Grain: one figure with a number: as_of × fiscal_year × branch_code × kpi_id × figure_as_of.
-- The monthly figures of the fiscal year of the month run and of the two before, as they were known by it: what a run chart
-- draws. A later publication may show the same figure otherwise, so each month has its own series. A figure that is held back
-- has no number and is not there. The figure is rounded once, from its counts or its reported value; what the month itself adds
-- stays unrounded (to millionths), and no number of a month has no cases either.
with figures as (

    select
        *,
        {{ ten_decimals('numerator') }} as n,
        {{ ten_decimals('denominator') }} as d,
        {{ ten_decimals('value') }} as v,
        case kind when 'rate' then cast(100 as hugeint) else cast(1 as hugeint) end as factor
    from {{ ref('comparable_figures') }}
    where
        as_of <= '{{ var("month") }}'
        and fiscal_year between {{ fiscal_year("'" ~ var("month") ~ "'") }} - 2 and {{ fiscal_year("'" ~ var("month") ~ "'") }}

),

final as (

    select
        '{{ var("month") }}' as as_of,
        fiscal_year,
        branch_code,
        kpi_id,
        as_of as figure_as_of,
        case
            when v is not null
                then {{ half_up('v', 'cast(10000000000 as hugeint)', 'cast(1 as hugeint)', 'precision') }}
            else {{ half_up('n', 'd', 'factor', 'precision') }}
        end as value,
        numerator,
        denominator,
        {{ of_millionths('month_units') }} as month_value,
        case when kind != 'count' and month_units is not null then month_cases end as month_cases,
        source,
        figure_known_month
    from figures

)

select * from final
order by fiscal_year, branch_code, kpi_id, figure_as_of
