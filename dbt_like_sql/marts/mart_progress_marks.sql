-- Grain: one mark given by people as known by the month run: as_of × fiscal_year × branch_code × area × subject ×
-- marked_as_of, for the month's own fiscal year. marked_as_of is the month of the report on which the mark stands; of each
-- the mark that arrived last.
with known as (

    select * from {{ history('stg_progress_marks') }}
    where
        known_month <= '{{ var("month") }}'
        and as_of <= '{{ var("month") }}'
        and fiscal_year = {{ fiscal_year("'" ~ var("month") ~ "'") }}

),

newest_report as (

    select *
    from known
    qualify
        known_month = max(known_month) over (partition by branch_code, area, subject, as_of)

),

final as (

    select
        '{{ var("month") }}' as as_of,
        fiscal_year,
        branch_code,
        area,
        subject,
        as_of as marked_as_of,
        known_month as mark_known_month,
        mark,
        author,
        reason
    from newest_report

)

select * from final
order by branch_code, marked_as_of, area, subject
