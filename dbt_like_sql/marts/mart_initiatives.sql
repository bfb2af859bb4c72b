-- Grain: one initiative as of the month run: as_of × fiscal_year × branch_code × area × initiative, for the month's own
-- fiscal year. A report is the whole list of a branch: of the months that it describes the newest counts (the plan only
-- where there is no report), and in it, for every field (分野), what arrived last. is_sum marks lines that sum up others and
-- are no initiative: printed sums (計), and a line that stands for another field of the list (field 協会全体, line 業務経費: the
-- field 協会全体 業務経費).
with known as (

    select * from {{ history('stg_initiatives') }}
    where
        known_month <= '{{ var("month") }}'
        and coalesce(as_of, '') <= '{{ var("month") }}'
        and fiscal_year = {{ fiscal_year("'" ~ var("month") ~ "'") }}

),

newest_report as (

    select *
    from known
    qualify
        coalesce(as_of, '') = max(coalesce(as_of, '')) over (partition by branch_code)

),

newest_fields as (

    select *
    from newest_report
    qualify
        known_month = max(known_month) over (partition by branch_code, area)

),

fields as (

    select distinct
        branch_code,
        area
    from newest_fields

),

final as (

    select
        '{{ var("month") }}' as as_of,
        lines.fiscal_year,
        lines.branch_code,
        lines.area,
        lines.initiative,
        cast(
            row_number() over (
                partition by lines.branch_code
                order by lines.file, lines.sheet, lines.row_number
            ) as integer
        ) as line_order,
        lines.is_printed_sum or fields.area is not null as is_sum,
        lines.as_of as figure_as_of,
        lines.known_month as figure_known_month,
        lines.budget_yen,
        lines.executed_yen,
        lines.status,
        lines.prior_budget_yen,
        lines.source_document
    from newest_fields as lines
    left join fields
        on
            lines.branch_code = fields.branch_code
            and fields.area = lines.area || ' ' || lines.initiative

)

select * from final
order by branch_code, line_order
