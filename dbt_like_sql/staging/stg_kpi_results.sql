-- Grain: one reported figure: known_month × fiscal_year × as_of × branch_code × kpi_id.
-- Source: raw.kpi_results of the month. Where files of one reporting month repeat a figure, the file received last stands;
-- rows that contradict each other inside one file never get here (they are quarantined).
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

final as (

    select
        known_month,
        fiscal_year,
        as_of,
        branch_code,
        kpi_id,
        numerator,
        denominator,
        value,
        is_done,
        file,
        file_sha256,
        row_number,
        source_document
    from newest_submission

)

select * from final
order by fiscal_year, as_of, branch_code, kpi_id
