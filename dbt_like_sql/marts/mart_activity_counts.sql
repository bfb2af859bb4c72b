-- Grain: one count of one month as known by the month run: as_of × fiscal_year × branch_code × area × item × figure_as_of,
-- for the month's own fiscal year. Of each count the report that arrived last stands. Earlier months stay, for a quarter
-- is the difference of two of them.
with known as (

    select * from {{ history('stg_activity_counts') }}
    where
        known_month <= '{{ var("month") }}'
        and as_of <= '{{ var("month") }}'
        and fiscal_year = {{ fiscal_year("'" ~ var("month") ~ "'") }}

),

newest_report as (

    select *
    from known
    qualify
        known_month = max(known_month) over (partition by branch_code, area, item, as_of)

),

final as (

    select
        '{{ var("month") }}' as as_of,
        fiscal_year,
        branch_code,
        area,
        item,
        as_of as figure_as_of,
        known_month as figure_known_month,
        cast(
            row_number() over (
                partition by branch_code
                order by known_month, file, sheet, row_number
            ) as integer
        ) as line_order,
        item_count,
        unit,
        basis,
        printed,
        source_document
    from newest_report

)

select * from final
order by branch_code, line_order
