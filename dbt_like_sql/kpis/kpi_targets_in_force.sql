-- Grain: one target as registered: fiscal_year × branch_code × kpi_id.
-- A target is contradictory when its rows point in different directions, give different numbers, or say both a fixed number
-- and "the prior year" without its number. Neither row wins then: judgement makes the KPI 判定不能.
with targets as (

    select
        *,
        case
            when comparator = '実施' then 'done'
            when comparator like '%以下' then '<='
            else '>='
        end as sign,
        comparator in ('以上', '以下') as is_fixed
    from {{ ref('stg_kpi_targets') }}

),

grouped as (

    select
        fiscal_year,
        branch_code,
        kpi_id,
        count(distinct sign) > 1
        or count(distinct target_value) > 1
        or (
            count(case when is_fixed then 1 end) > 0
            and count(case when not is_fixed and target_value is null then 1 end) > 0
        ) as is_contradictory,
        string_agg(
            comparator || coalesce(' ' || rtrim(rtrim(cast(target_value as varchar), '0'), '.'), ''),
            '／' order by comparator, target_value
        ) as registered_as
    from targets
    group by fiscal_year, branch_code, kpi_id

),

representative as (

    select *
    from targets
    qualify
        row_number() over (
            partition by fiscal_year, branch_code, kpi_id
            order by target_value is null, comparator desc
        ) = 1

),

final as (

    select
        representative.fiscal_year,
        representative.branch_code,
        representative.kpi_id,
        representative.comparator,
        representative.target_value,
        grouped.is_contradictory,
        grouped.registered_as,
        representative.file,
        representative.source_document
    from representative
    inner join grouped
        on
            representative.fiscal_year = grouped.fiscal_year
            and representative.branch_code = grouped.branch_code
            and representative.kpi_id = grouped.kpi_id

)

select * from final
order by fiscal_year, branch_code, kpi_id
