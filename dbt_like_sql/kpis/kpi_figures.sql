-- Grain: one figure known by the month run: fiscal_year × as_of × branch_code × kpi_id.
-- Reported figures, and for the nation the sum over all branches where nobody reported it.
with reported as (

    select * from {{ ref('reported_figures') }}

),

national as (

    select * from {{ ref('national_sums') }}

),

unreported_national as (

    select national.*
    from national
    left join reported
        on
            national.fiscal_year = reported.fiscal_year
            and national.as_of = reported.as_of
            and national.kpi_id = reported.kpi_id
            and reported.branch_code = '00'
    where reported.kpi_id is null

),

final as (

    select
        fiscal_year,
        as_of,
        branch_code,
        kpi_id,
        figure_known_month,
        numerator,
        denominator,
        value,
        is_done,
        'reported' as source
    from reported
    union all
    select
        fiscal_year,
        as_of,
        '00' as branch_code,
        kpi_id,
        figure_known_month,
        numerator,
        denominator,
        value,
        cast(null as boolean) as is_done,
        'computed' as source
    from unreported_national

)

select * from final
order by fiscal_year, as_of, branch_code, kpi_id
