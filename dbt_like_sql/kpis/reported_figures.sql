-- Grain: one reported figure as known by the month run: fiscal_year × as_of × branch_code × kpi_id.
-- A later report of the same figure replaces an earlier one from its own reporting month on, never before it.
with measures as (

    select
        known_month,
        month as as_of,
        branch_code,
        split_part(measure_id, '.', 1) as kpi_id,
        split_part(measure_id, '.', 2) as component,
        value
    from {{ history('reported_measures') }}
    where known_month <= '{{ var("month") }}'

),

newest_report as (

    select *
    from measures
    qualify
        known_month = max(known_month) over (partition by as_of, branch_code, kpi_id)

),

figures as (

    select
        {{ fiscal_year('as_of') }} as fiscal_year,
        as_of,
        branch_code,
        kpi_id,
        max(known_month) as figure_known_month,
        max(case when component = 'numerator' then value end) as numerator,
        max(case when component = 'denominator' then value end) as denominator,
        max(case when component = 'value' then value end) as value,
        max(case when component = 'done' then value end) = 1 as is_done,
        count(case when component = 'none' then 1 end) > 0 as is_withdrawn
    from newest_report
    group by as_of, branch_code, kpi_id

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
        is_done
    from figures
    where not is_withdrawn

)

select * from final
order by fiscal_year, as_of, branch_code, kpi_id
