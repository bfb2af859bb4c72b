-- Grain: one flag (旗) beside a KPI of the scorecard: fiscal_year × branch_code × kpi_id × dataset × rule × title × detail.
-- What checks found about the figure that the scorecard of the month run shows: warnings about its report, about the records of
-- every month that feeds it, about its target, and what analytical rules say of it. A branch's records are flagged from the share
-- of threshold flagged_rows_pct on. A figure that is computed for the nation has one flag per rule, with the branches concerned.
with lines as (

    select * from {{ ref('judgement_inputs') }}

),

branches as (

    select * from {{ source('reference', 'branches') }}

),

datasets as (

    select * from {{ source('reference', 'datasets') }}

),

thresholds as (

    {{ thresholds_in_force(source('reference', 'thresholds'), ['flagged_rows_pct']) }}

),

findings as (

    select
        findings.*,
        datasets.dataset_name,
        '「' || findings.text_ja || '」に合わない' as title
    from {{ history('stg_findings') }} as findings
    inner join datasets
        on findings.dataset = datasets.dataset

),

of_reports as (

    select
        lines.fiscal_year,
        lines.branch_code,
        lines.kpi_id,
        findings.dataset,
        findings.rule,
        findings.title,
        findings.dataset_name || findings.known_month as detail
    from lines
    inner join {{ history('stg_kpi_results') }} as reports
        on
            lines.branch_code = reports.branch_code
            and lines.kpi_id = reports.kpi_id
            and lines.figure_as_of = reports.as_of
            and lines.figure_known_month = reports.known_month
    inner join findings
        on
            findings.dataset = 'kpi_results'
            and reports.known_month = findings.known_month
            and findings.as_of in ('', reports.as_of)
            and {{ is_about_file('findings', 'reports.branch_code', 'reports.file') }}
            and {{ is_about_kpi('findings', 'reports.kpi_id') }}
    where
        lines.source = 'reported'
        and not findings.is_stopping

),

of_targets as (

    select
        lines.fiscal_year,
        lines.branch_code,
        lines.kpi_id,
        findings.dataset,
        findings.rule,
        findings.title,
        findings.dataset_name as detail
    from lines
    inner join findings
        on
            findings.dataset = 'kpi_targets'
            and findings.known_month = '{{ var("month") }}'
            and findings.branch_code in ('', lines.branch_code)
            and coalesce(findings.fiscal_year, lines.fiscal_year) = lines.fiscal_year
            and {{ is_about_kpi('findings', 'lines.kpi_id') }}

),

-- the months whose submissions decide a figure; a later computation of the same figure has the same
spans as (

    select distinct
        fiscal_year,
        as_of,
        kpi_id,
        first_known_month,
        last_known_month
    from {{ history('figures_due') }}

),

record_findings as (

    select
        lines.fiscal_year,
        lines.branch_code,
        lines.kpi_id,
        findings.dataset,
        findings.dataset_name,
        findings.rule,
        findings.title,
        findings.tier,
        findings.known_month,
        findings.failed_rows
    from lines
    inner join spans
        on
            lines.fiscal_year = spans.fiscal_year
            and lines.kpi_id = spans.kpi_id
            and lines.figure_as_of = spans.as_of
    inner join {{ source('reference', 'kpi_datasets') }} as feeds
        on
            lines.fiscal_year = feeds.fiscal_year
            and lines.kpi_id = feeds.kpi_id
    inner join {{ history('stg_submissions') }} as submissions
        on
            feeds.dataset = submissions.dataset
            and lines.branch_code = submissions.branch_code
            and spans.first_known_month <= submissions.known_month
            and spans.last_known_month >= submissions.known_month
    inner join findings
        on
            submissions.dataset = findings.dataset
            and submissions.known_month = findings.known_month
            and {{ is_about_file('findings', 'submissions.branch_code', 'submissions.file') }}
            and {{ is_about_kpi('findings', 'lines.kpi_id') }}
    cross join thresholds
    where
        lines.source = 'computed'
        and submissions.status = 'used'
        and (
            findings.tier = 'analytical'
            or findings.failed_rows * 100 >= thresholds.flagged_rows_pct * submissions.rows_loaded
        )

),

of_records as (

    select
        fiscal_year,
        branch_code,
        kpi_id,
        dataset,
        rule,
        title,
        dataset_name || string_agg(distinct known_month, '・' order by known_month)
        || case when tier = 'analytical' then '' else 'の' || format('{:,}', cast(sum(failed_rows) as bigint)) || '行' end
            as detail
    from record_findings
    group by fiscal_year, branch_code, kpi_id, dataset, dataset_name, rule, title, tier

),

of_figures as (

    select
        lines.fiscal_year,
        lines.branch_code,
        lines.kpi_id,
        '' as dataset,
        found.rule,
        found.title,
        found.detail
    from lines
    inner join {{ ref('analytical_findings') }} as found
        on
            lines.fiscal_year = found.fiscal_year
            and lines.figure_as_of = found.as_of
            and lines.branch_code = found.branch_code
            and lines.kpi_id = found.kpi_id

),

flags as (

    select * from of_reports
    union
    select * from of_targets
    union
    select * from of_records
    union
    select * from of_figures

),

kinds_of_flags as (

    select distinct
        fiscal_year,
        branch_code,
        kpi_id,
        dataset,
        rule,
        title
    from flags
    where dataset != 'kpi_targets'

),

-- branches whose figure is a part of the nation's
concerned as (

    select
        nation.fiscal_year,
        nation.kpi_id,
        flags.dataset,
        flags.rule,
        flags.title,
        branches.branch_code,
        branches.branch,
        row_number() over (
            partition by nation.fiscal_year, nation.kpi_id, flags.dataset, flags.rule, flags.title
            order by branches.branch_code
        ) as place,
        count(*) over (
            partition by nation.fiscal_year, nation.kpi_id, flags.dataset, flags.rule, flags.title
        ) as concerned_branches
    from lines as nation
    inner join lines
        on
            nation.fiscal_year = lines.fiscal_year
            and nation.kpi_id = lines.kpi_id
            and nation.figure_as_of = lines.figure_as_of
    inner join kinds_of_flags as flags
        on
            lines.fiscal_year = flags.fiscal_year
            and lines.branch_code = flags.branch_code
            and lines.kpi_id = flags.kpi_id
    inner join branches
        on lines.branch_code = branches.branch_code
    where
        nation.branch_code = '00'
        and nation.source = 'computed'
        and nation.gap is null
        and lines.branch_code != '00'
        and lines.gap is null

),

of_nation as (

    select
        fiscal_year,
        '00' as branch_code,
        kpi_id,
        dataset,
        rule,
        title,
        string_agg(case when place <= 5 then branch end, '・' order by branch_code)
        || case when concerned_branches > 5 then 'ほか' || cast(concerned_branches - 5 as varchar) || '支部' else '' end as detail
    from concerned
    group by fiscal_year, kpi_id, dataset, rule, title, concerned_branches

),

final as (

    select * from flags
    union all
    select * from of_nation

)

select * from final
order by fiscal_year, branch_code, kpi_id, dataset, rule, title, detail
