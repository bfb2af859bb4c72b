-- Grain: one reported figure: known_month × fiscal_year × as_of × branch_code × kpi_id.
-- Source: raw.kpi_results of the month. Where files of one reporting month repeat a figure, the file received last stands;
-- rows that contradict each other inside one file never get here (they are quarantined). One that fails a critical rule stands,
-- with the rule, and is withheld: an older figure must not pass for it.
with source as (

    select * from {{ source('raw', 'kpi_results') }}

),

newest_submission as (

    select *
    from source
    qualify
        row_number() over (
            partition by fiscal_year, as_of, branch_code, kpi_id
            order by received_at desc, file desc, sheet desc, row_number desc
        ) = 1

),

failed_rules as (

    select
        figures.as_of,
        figures.branch_code,
        figures.kpi_id,
        string_agg(distinct '「' || findings.text_ja || '」', '' order by '「' || findings.text_ja || '」') as failed_rules
    from newest_submission as figures
    inner join {{ source('findings', 'kpi_results') }} as findings
        on
            {{ is_about_file('findings', 'figures.branch_code', 'figures.file') }}
            and {{ is_about_kpi('findings', 'figures.kpi_id') }}
            and findings.as_of in ('', figures.as_of)
    where {{ is_stopping('findings') }}
    group by figures.as_of, figures.branch_code, figures.kpi_id

),

final as (

    select
        figures.known_month,
        figures.fiscal_year,
        figures.as_of,
        figures.branch_code,
        figures.kpi_id,
        figures.numerator,
        figures.denominator,
        figures.value,
        figures.is_done,
        failed_rules.failed_rules,
        figures.file,
        figures.file_sha256,
        figures.row_number,
        figures.source_document
    from newest_submission as figures
    left join failed_rules
        on
            figures.as_of = failed_rules.as_of
            and figures.branch_code = failed_rules.branch_code
            and figures.kpi_id = failed_rules.kpi_id

)

select * from final
order by fiscal_year, as_of, branch_code, kpi_id
