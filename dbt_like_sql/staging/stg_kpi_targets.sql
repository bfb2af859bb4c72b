-- Grain: one different target as registered: known_month × fiscal_year × branch_code × kpi_id × comparator × target_value.
-- Source: raw.kpi_targets, all registrations in landing when the month was run. Where files repeat a target, the file
-- received last stands for that branch and KPI. More than one row for a branch and KPI means that one file contradicts
-- itself; kpi_targets_in_force sets such a target apart. A target that fails a critical rule does not count.
with source as (

    select targets.*
    from {{ source('raw', 'kpi_targets') }} as targets
    anti join {{ source('findings', 'kpi_targets') }} as findings
        on
            {{ is_stopping('findings') }}
            and {{ is_about_file('findings', 'targets.branch_code', 'targets.file') }}
            and {{ is_about_kpi('findings', 'targets.kpi_id') }}
            and coalesce(findings.fiscal_year, targets.fiscal_year) = targets.fiscal_year

),

newest_submission as (

    select *
    from source
    qualify
        rank() over (
            partition by fiscal_year, branch_code, kpi_id
            order by received_at desc, file desc
        ) = 1

),

final as (

    select
        known_month,
        fiscal_year,
        branch_code,
        kpi_id,
        comparator,
        target_value,
        min(file) as file,
        min(file_sha256) as file_sha256,
        min(row_number) as row_number,
        min(source_document) as source_document
    from newest_submission
    group by known_month, fiscal_year, branch_code, kpi_id, comparator, target_value

)

select * from final
order by fiscal_year, branch_code, kpi_id, comparator, target_value
