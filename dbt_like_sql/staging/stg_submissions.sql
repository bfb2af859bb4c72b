-- Grain: one branch in one record-level file of the month: dataset × known_month × file × branch_code.
-- Of a branch's files of one dataset and month the one received last is used, the others are superseded. It is held back when
-- more of its rows were rejected than the dataset bears (strictly more), and when its rows fail a critical rule. Rows whose
-- branch cannot be told count against the only branch of their file; in a file of several branches they hold back all of them
-- when the file as a whole rejects too much.
{% set datasets = [
    'benefit_decisions', 'claims', 'receipt_audits', 'recoverables', 'checkup_counts', 'guidance_counts', 'untreated_persons'
] %}
with ledgers as (

    {% for dataset in datasets %}
        select
            dataset,
            known_month,
            file,
            received_at,
            branches
        from {{ source('ledger', dataset) }}
        where status = 'loaded'
        {{ 'union all' if not loop.last }}
    {% endfor %}

),

entries as (

    select
        dataset,
        known_month,
        file,
        received_at,
        unnest(branches) as entry
    from ledgers

),

branch_rows as (

    select
        dataset,
        known_month,
        file,
        received_at,
        struct_extract(entry, 'branch_code') as branch_code,
        struct_extract(entry, 'rows_read') as rows_read,
        struct_extract(entry, 'rows_loaded') as rows_loaded,
        struct_extract(entry, 'rows_rejected') as rows_rejected
    from entries

),

file_rows as (

    select
        dataset,
        file,
        count(distinct case when branch_code != '' then branch_code end) as branches,
        sum(case when branch_code = '' then rows_read else 0 end) as rows_of_unknown_branch,
        sum(rows_read) as rows_read,
        sum(rows_rejected) as rows_rejected
    from branch_rows
    group by dataset, file

),

thresholds as (

    select
        dataset,
        hold_back_above_pct
    from {{ source('reference', 'datasets') }}

),

findings as (

    {% for dataset in datasets %}
        select * from {{ source('findings', dataset) }}
        {{ 'union all' if not loop.last }}
    {% endfor %}

),

failed_rules as (

    select
        branch_rows.dataset,
        branch_rows.file,
        branch_rows.branch_code,
        string_agg(distinct '「' || findings.text_ja || '」', '' order by '「' || findings.text_ja || '」') as failed_rules
    from branch_rows
    inner join findings
        on
            branch_rows.dataset = findings.dataset
            and {{ is_about_file('findings', 'branch_rows.branch_code', 'branch_rows.file') }}
    where {{ is_stopping('findings') }}
    group by branch_rows.dataset, branch_rows.file, branch_rows.branch_code

),

judged as (

    select
        branch_rows.dataset,
        branch_rows.known_month,
        branch_rows.file,
        branch_rows.received_at,
        branch_rows.branch_code,
        branch_rows.rows_read,
        branch_rows.rows_loaded,
        branch_rows.rows_rejected,
        thresholds.hold_back_above_pct is not null
        and (
            case
                when file_rows.branches = 1
                    then
                        cast(file_rows.rows_rejected as decimal(18, 0)) * 100
                        > thresholds.hold_back_above_pct * cast(file_rows.rows_read as decimal(18, 0))
                else
                    cast(branch_rows.rows_rejected as decimal(18, 0)) * 100
                    > thresholds.hold_back_above_pct * cast(branch_rows.rows_read as decimal(18, 0))
            end
            or (
                file_rows.rows_of_unknown_branch > 0
                and cast(file_rows.rows_rejected as decimal(18, 0)) * 100
                > thresholds.hold_back_above_pct * cast(file_rows.rows_read as decimal(18, 0))
            )
        ) as is_above_threshold,
        row_number() over (
            partition by branch_rows.dataset, branch_rows.branch_code
            order by branch_rows.received_at desc, branch_rows.file desc
        ) = 1 as is_newest,
        failed_rules.failed_rules
    from branch_rows
    inner join file_rows
        on
            branch_rows.dataset = file_rows.dataset
            and branch_rows.file = file_rows.file
    left join thresholds
        on branch_rows.dataset = thresholds.dataset
    left join failed_rules
        on
            branch_rows.dataset = failed_rules.dataset
            and branch_rows.file = failed_rules.file
            and branch_rows.branch_code = failed_rules.branch_code
    where
        branch_rows.branch_code != ''
        and branch_rows.rows_read > 0

),

final as (

    select
        dataset,
        known_month,
        file,
        branch_code,
        received_at,
        rows_read,
        rows_loaded,
        rows_rejected,
        case
            when not is_newest then 'superseded'
            when is_above_threshold or failed_rules is not null then 'held_back'
            else 'used'
        end as status,
        failed_rules
    from judged

)

select * from final
order by dataset, branch_code, file
