-- Grain: one initiative as one month's files tell it: known_month × fiscal_year × as_of × branch_code × area × initiative;
-- as_of is empty for the plan of the year.
-- Source: raw.initiatives of the month. Of a branch's files that tell a field (分野) as of the same month, the one received
-- last stands for the whole field: initiatives are renamed and merged, and a sum must not count one twice. Rows that fail
-- a critical rule do not count.
with source as (

    {{ rows_not_stopped(source('raw', 'initiatives'), source('findings', 'initiatives')) }}

),

newest_file as (

    select *
    from source
    qualify
        rank() over (
            partition by fiscal_year, as_of, branch_code, area
            order by received_at desc, file desc
        ) = 1

),

first_of_repeated as (

    select *
    from newest_file
    qualify
        row_number() over (
            partition by fiscal_year, as_of, branch_code, area, initiative
            order by sheet, row_number
        ) = 1

),

final as (

    select
        known_month,
        fiscal_year,
        as_of,
        branch_code,
        area,
        initiative,
        {{ is_printed_sum('initiative') }} as is_printed_sum,
        budget_yen,
        executed_yen,
        coalesce(status, '') as status,
        prior_budget_yen,
        file,
        sheet,
        row_number,
        source_document
    from first_of_repeated

)

select * from final
order by fiscal_year, as_of, branch_code, file, sheet, row_number
