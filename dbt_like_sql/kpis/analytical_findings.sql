-- Grain: one thing that an analytical rule found: fiscal_year × as_of × branch_code × kpi_id × rule × detail.
-- Of all figures known by the month run, so that a flag stays as long as its figure stands; is_new says that the figure
-- arrived in the month run, so that a check tells it once. Thresholds are in reference.thresholds; before the first one of a
-- rule holds nothing is said.
with found as (

    select * from {{ ref('own_month_findings') }}
    union all
    select * from {{ ref('branch_findings') }}
    union all
    select * from {{ ref('total_findings') }}

),

figures as (

    select * from {{ ref('comparable_figures') }}

),

final as (

    select
        '{{ var("month") }}' as known_month,
        found.fiscal_year,
        found.as_of,
        found.branch_code,
        found.kpi_id,
        found.rule,
        coalesce(figures.figure_known_month, '{{ var("month") }}') = '{{ var("month") }}' as is_new,
        found.title,
        found.detail
    from found
    left join figures
        on
            found.fiscal_year = figures.fiscal_year
            and found.as_of = figures.as_of
            and found.branch_code = figures.branch_code
            and found.kpi_id = figures.kpi_id

)

select * from final
order by fiscal_year, as_of, branch_code, kpi_id, rule, detail
