-- Grain: one figure with a number, as known by the month run: fiscal_year × as_of × branch_code × kpi_id. Prepared for
-- comparison with other months and branches, in exact integers. figure_units is the figure in millionths of its unit;
-- month_units is what the month itself adds, so that months can be compared: of a rate or mean that adds up over the fiscal
-- year the rate of the month's own cases, over a head count its own part of it, of a count its own increase; of all others the
-- figure as it stands. Where the month before is lacking there is no number of the month. As in judgement, the reported value
-- stands before the quotient of its own counts. Units are decimals without decimals, for Parquet has no hugeint.
with kpis as (

    select * from {{ source('reference', 'kpis') }}
    where kind in ('rate', 'mean', 'count')

),

-- KPIs whose denominator is a head count that every month repeats
head_counts as (

    select
        fiscal_year,
        kpi_id
    from {{ source('reference', 'kpi_formulas') }}
    where denominator_window = 'latest'

),

figures as (

    select
        figures.fiscal_year,
        figures.as_of,
        figures.branch_code,
        figures.kpi_id,
        figures.figure_known_month,
        figures.source,
        figures.numerator,
        figures.denominator,
        figures.value,
        kpis.kind,
        kpis.accumulation,
        kpis.precision,
        kpis.unit,
        head_counts.kpi_id is not null as is_of_head_count,
        {{ month_number('figures.as_of') }} as as_of_number,
        {{ ten_decimals('figures.numerator') }} as n,
        {{ ten_decimals('figures.denominator') }} as d,
        {{ ten_decimals('figures.value') }} as v,
        case kpis.kind when 'rate' then cast(100 as hugeint) else cast(1 as hugeint) end as factor
    from {{ ref('kpi_figures') }} as figures
    inner join kpis
        on
            figures.fiscal_year = kpis.fiscal_year
            and figures.branch_code = kpis.branch_code
            and figures.kpi_id = kpis.kpi_id
    left join head_counts
        on
            figures.fiscal_year = head_counts.fiscal_year
            and figures.kpi_id = head_counts.kpi_id
    where figures.gap is null

),

with_month_before as (

    select
        figures.*,
        case
            when substr(figures.as_of, 6, 2) = '04' then cast(0 as hugeint)
            else before.n
        end as n_before,
        case
            when substr(figures.as_of, 6, 2) = '04' then cast(0 as hugeint)
            else before.d
        end as d_before,
        case
            when substr(figures.as_of, 6, 2) = '04' then cast(0 as hugeint)
            else before.v
        end as v_before
    from figures
    left join figures as before
        on
            figures.fiscal_year = before.fiscal_year
            and figures.branch_code = before.branch_code
            and figures.kpi_id = before.kpi_id
            and figures.source = before.source
            and figures.as_of_number = before.as_of_number + 1

),

measured as (

    select
        *,
        case
            when v is not null then {{ millionths('v', 'cast(10000000000 as hugeint)', 'cast(1 as hugeint)') }}
            when d > 0 then {{ millionths('n', 'd', 'factor') }}
        end as figure_units,
        case
            when kind = 'count' then {{ millionths('(v - v_before)', 'cast(10000000000 as hugeint)', 'cast(1 as hugeint)') }}
            when is_of_head_count and d > 0 then {{ millionths('(n - n_before)', 'd', 'factor') }}
            when not is_of_head_count and d > d_before then {{ millionths('(n - n_before)', '(d - d_before)', 'factor') }}
        end as added_units,
        case when is_of_head_count then denominator else (d - d_before) // 10000000000 end as month_cases
    from with_month_before

),

final as (

    select
        fiscal_year,
        as_of,
        branch_code,
        kpi_id,
        figure_known_month,
        source,
        kind,
        accumulation,
        precision,
        unit,
        is_of_head_count,
        numerator,
        denominator,
        value,
        cast(figure_units as decimal(38, 0)) as figure_units,
        cast(
            case when accumulation = 'cumulative' then added_units else figure_units end as decimal(38, 0)
        ) as month_units,
        cast(case when accumulation = 'cumulative' then month_cases else denominator end as decimal(28, 10)) as month_cases
    from measured
    where figure_units is not null

)

select * from final
order by fiscal_year, as_of, branch_code, kpi_id
