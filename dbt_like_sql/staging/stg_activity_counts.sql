-- Grain: one count of one month's files: known_month × fiscal_year × as_of × branch_code × area × item.
-- Source: raw.activity_counts of the month. Where files of one reporting month repeat a count, the file received last
-- stands. Rows that fail a critical rule do not count. basis says what the count is: 集計 of the file, else its own words
-- (macros/activities.sql).
with source as (

    {{ rows_not_stopped(source('raw', 'activity_counts'), source('findings', 'activity_counts')) }}

),

newest_submission as (

    select *
    from source
    qualify
        row_number() over (
            partition by fiscal_year, as_of, branch_code, area, item
            order by received_at desc, file desc, sheet desc, row_number desc
        ) = 1

),

final as (

    select
        known_month,
        fiscal_year,
        as_of,
        branch_code,
        area,
        item,
        item_count,
        unit,
        case basis
            when '累計' then 'cumulative'
            when '当月' then 'month'
            when '時点' then 'level'
            else {{ basis_of_words('item', 'printed') }}
        end as basis,
        printed,
        file,
        sheet,
        row_number,
        source_document
    from newest_submission

)

select * from final
order by fiscal_year, as_of, branch_code, file, sheet, row_number
