-- Grain: one branch whose records of a dataset are lacking in a month: as_of × dataset × branch_code × known_month.
-- As of the month run, for the months that may count in its figures: this fiscal year and the two before it. missing: other
-- branches submitted the dataset in that month and this one did not; held_back: too many of its rows were rejected, or they fail
-- a critical rule.
with submissions as (

    select
        dataset,
        known_month,
        branch_code,
        status,
        failed_rules
    from {{ history('stg_submissions') }}
    where known_month >= {{ year_start(fiscal_year("'" ~ var("month") ~ "'") ~ ' - 2') }}

),

branches as (

    select branch_code from {{ source('reference', 'branches') }}
    where branch_code != '00'

),

expected as (

    select
        submitted.dataset,
        submitted.known_month,
        branches.branch_code
    from (
        select distinct
            dataset,
            known_month
        from submissions
    ) as submitted
    cross join branches

),

-- the newest file of a branch decides: it is used or held back
standing as (

    select
        dataset,
        known_month,
        branch_code,
        status,
        failed_rules
    from submissions
    where status != 'superseded'

),

final as (

    select
        '{{ var("month") }}' as as_of,
        expected.dataset,
        expected.branch_code,
        expected.known_month,
        coalesce(standing.status, 'missing') as reason,
        standing.failed_rules
    from expected
    left join standing
        on
            expected.dataset = standing.dataset
            and expected.known_month = standing.known_month
            and expected.branch_code = standing.branch_code
    where standing.status is null or standing.status = 'held_back'

)

select * from final
order by dataset, branch_code, known_month
