-- Grain: one reported figure as known by the month run: fiscal_year × as_of × branch_code × kpi_id.
-- A later report of the same figure replaces an earlier one from its own reporting month on, never before it. Of a figure that
-- is withheld only the gap is told, with the rule that its report failed.
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
        count(case when component = 'none' then 1 end) > 0 as is_withdrawn,
        count(case when component = 'withheld' then 1 end) > 0 as is_withheld
    from newest_report
    group by as_of, branch_code, kpi_id

),

reports as (

    select
        known_month,
        as_of,
        branch_code,
        kpi_id,
        failed_rules
    from {{ history('stg_kpi_results') }}
    where failed_rules is not null

),

datasets as (

    select dataset_name from {{ source('reference', 'datasets') }}
    where dataset = 'kpi_results'

),

final as (

    select
        figures.fiscal_year,
        figures.as_of,
        figures.branch_code,
        figures.kpi_id,
        figures.figure_known_month,
        figures.numerator,
        figures.denominator,
        figures.value,
        figures.is_done,
        case
            when figures.is_withheld
                then
                    '提出不備：' || datasets.dataset_name || figures.figure_known_month
                    || '（保留：' || coalesce(reports.failed_rules, '') || '）'
        end as gap
    from figures
    cross join datasets
    left join reports
        on
            figures.figure_known_month = reports.known_month
            and figures.as_of = reports.as_of
            and figures.branch_code = reports.branch_code
            and figures.kpi_id = reports.kpi_id
    where not figures.is_withdrawn

)

select * from final
order by fiscal_year, as_of, branch_code, kpi_id
