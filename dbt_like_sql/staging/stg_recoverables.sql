-- Grain: one event of a debt (返納金債権) as submitted: known_month × branch_code × debt_no × event × event_on × amount_yen × method.
-- Source: raw.recoverables of the month, without the rows of submissions that a later one replaced or that are held back.
with source as (

    {{ used_rows(source('raw', 'recoverables'), ref('stg_submissions'), 'recoverables') }}

),

final as (

    select
        known_month,
        branch_code,
        debt_no,
        debt_type,
        event,
        event_on,
        amount_yen,
        method
    from source

)

select * from final
order by branch_code, debt_no, event_on, event, amount_yen, method, debt_type
