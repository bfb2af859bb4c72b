-- Grain: one event of a debt (返納金債権) as submitted: known_month × branch_code × debt_no × event × event_on × amount_yen × method.
-- Source: raw.recoverables of the month, without the rows of submissions that a later one replaced or that are held back.
with source as (

    select * from {{ source('raw', 'recoverables') }}

),

not_used as (

    select
        file,
        branch_code
    from {{ ref('stg_submissions') }}
    where
        dataset = 'recoverables'
        and status != 'used'

),

final as (

    select
        source.known_month,
        source.branch_code,
        source.debt_no,
        source.debt_type,
        source.event,
        source.event_on,
        source.amount_yen,
        source.method
    from source
    anti join not_used
        on
            source.file = not_used.file
            and source.branch_code = not_used.branch_code

)

select * from final
order by branch_code, debt_no, event_on, event, amount_yen, method, debt_type
