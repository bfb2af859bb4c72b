-- Grain: what one rule found about one branch, KPI, figure and file of the month: known_month × dataset × rule × branch_code ×
-- kpi_id × fiscal_year × as_of × file. Source: the findings of every dataset.
-- For the flags on the scorecard. What a finding stops is decided where the rows are: in stg_submissions, stg_kpi_results and
-- stg_kpi_targets, each from the findings of its own dataset, so that a file of one dataset does not touch the others.
{% set datasets = [
    'kpi_results', 'kpi_targets', 'benefit_decisions', 'claims', 'receipt_audits', 'recoverables', 'checkup_counts',
    'guidance_counts', 'untreated_persons'
] %}
with findings as (

    {% for dataset in datasets %}
        select * from {{ source('findings', dataset) }}
        {{ 'union all' if not loop.last }}
    {% endfor %}

),

final as (

    select
        findings.known_month,
        findings.dataset,
        findings.rule,
        findings.branch_code,
        findings.kpi_id,
        findings.fiscal_year,
        findings.as_of,
        findings.file,
        findings.tier,
        findings.severity,
        {{ is_stopping('findings') }} as is_stopping,
        findings.failed_rows,
        findings.checked_rows,
        findings.protects,
        findings.text_ja
    from findings

)

select * from final
order by dataset, rule, branch_code, kpi_id, fiscal_year, as_of, file
