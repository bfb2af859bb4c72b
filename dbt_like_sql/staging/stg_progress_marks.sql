-- Grain: one mark of one month's files: known_month × fiscal_year × as_of × branch_code × area × subject.
-- Source: raw.progress_marks of the month. Where files of one reporting month mark a subject twice, the file received last
-- stands. Rows that fail a critical rule do not count.
with source as (

    {{ rows_not_stopped(source('raw', 'progress_marks'), source('findings', 'progress_marks')) }}

),

newest_submission as (

    select *
    from source
    qualify
        row_number() over (
            partition by fiscal_year, as_of, branch_code, area, subject
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
        subject,
        mark,
        author,
        reason,
        file,
        row_number
    from newest_submission

)

select * from final
order by fiscal_year, as_of, branch_code, area, subject
