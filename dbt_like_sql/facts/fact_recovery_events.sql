-- Grain: one event of a debt as it counts from the month on: known_month × branch_code × debt_no × event × event_on × amount_yen
-- × method × established_fiscal_year × debt_type.
-- A debt belongs to the fiscal year and the kind of its first 調定. Whatever was known of a debt before its 調定 counts when that
-- becomes known; an event sent again counts once. Sign is +1 for what counts now and did not before, −1 for what counted before
-- and does not now (an earlier 調定 came to light), so that sums over known_month are what is known.
with touched as (

    select distinct
        branch_code,
        debt_no
    from {{ ref('stg_recoverables') }}

),

events as (

    select everything.*
    from {{ history('stg_recoverables') }} as everything
    semi join touched
        on
            everything.branch_code = touched.branch_code
            and everything.debt_no = touched.debt_no

),

-- the debts that the month touched: as they are known now (+1), and as they were known before the month (−1)
states as (

    select
        *,
        1 as sign
    from events
    union all
    select
        *,
        -1 as sign
    from events
    where known_month < '{{ var("month") }}'

),

establishments as (

    select
        sign,
        branch_code,
        debt_no,
        debt_type,
        {{ fiscal_year(month_of('event_on')) }} as established_fiscal_year
    from states
    where event = '調定'
    qualify
        row_number() over (
            partition by sign, branch_code, debt_no
            order by event_on asc, known_month desc, amount_yen desc, debt_type asc
        ) = 1

),

different_events as (

    select distinct
        sign,
        branch_code,
        debt_no,
        event,
        event_on,
        amount_yen,
        method
    from states

),

counting as (

    select
        different_events.branch_code,
        different_events.debt_no,
        establishments.established_fiscal_year,
        establishments.debt_type,
        different_events.event,
        different_events.event_on,
        different_events.amount_yen,
        different_events.method,
        sum(different_events.sign) as sign
    from different_events
    inner join establishments
        on
            different_events.sign = establishments.sign
            and different_events.branch_code = establishments.branch_code
            and different_events.debt_no = establishments.debt_no
    group by all

),

final as (

    select
        '{{ var("month") }}' as known_month,
        branch_code,
        debt_no,
        established_fiscal_year,
        debt_type,
        event,
        {{ month_of('event_on') }} as event_month,
        event_on,
        amount_yen,
        method,
        cast(sign as integer) as sign
    from counting
    where sign != 0

)

select * from final
order by branch_code, debt_no, event_on, event, amount_yen, method, sign
