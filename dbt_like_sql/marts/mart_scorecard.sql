-- Grain: one line of a scorecard: as_of × fiscal_year × branch_code × kpi_id.
-- Figures, targets and judgements under the names of the scorecard, with the rank among the branches whose figure is of the same
-- month (a figure of September has no rank among those of March). Ties share a rank; the nation has
-- none. Flags (旗) are one line each.
with inputs as (

    select * from {{ ref('judgement_inputs') }}

),

judgements as (

    select * from {{ source('judged', 'kpi_judgements') }}

),

kpis as (

    select * from {{ source('reference', 'kpis') }}

),

branches as (

    select * from {{ source('reference', 'branches') }}

),

flags as (

    select
        fiscal_year,
        branch_code,
        kpi_id,
        string_agg(title || '：' || detail, chr(10) order by dataset, rule, title, detail) as flags
    from {{ ref('kpi_flags') }}
    group by fiscal_year, branch_code, kpi_id

),

judged as (

    select
        '{{ var("month") }}' as as_of,
        inputs.fiscal_year,
        inputs.branch_code,
        branches.branch,
        inputs.kpi_id,
        kpis.kpi,
        kpis.kpi_order,
        kpis.kpi_group,
        kpis.unit,
        kpis.precision,
        kpis.direction,
        kpis.kind,
        inputs.figure_as_of,
        inputs.figure_known_month,
        inputs.numerator,
        inputs.denominator,
        judgements.value,
        judgements.value_text,
        judgements.target,
        judgements.target_text,
        judgements.comparator,
        judgements.target_source,
        judgements.outcome,
        judgements.reason,
        judgements.reason_text,
        judgements.ratio_to_target,
        judgements.is_nearly_attained,
        judgements.prior_value,
        judgements.prior_value_text,
        judgements.prior_as_of,
        coalesce(inputs.source, '') as source,
        judgements.status,
        judgements.notes,
        coalesce(flags.flags, '') as flags
    from inputs
    inner join judgements
        on
            inputs.fiscal_year = judgements.fiscal_year
            and inputs.branch_code = judgements.branch_code
            and inputs.kpi_id = judgements.kpi_id
    inner join kpis
        on
            inputs.fiscal_year = kpis.fiscal_year
            and inputs.branch_code = kpis.branch_code
            and inputs.kpi_id = kpis.kpi_id
    inner join branches
        on inputs.branch_code = branches.branch_code
    left join flags
        on
            inputs.fiscal_year = flags.fiscal_year
            and inputs.branch_code = flags.branch_code
            and inputs.kpi_id = flags.kpi_id

),

ranks as (

    select
        fiscal_year,
        branch_code,
        kpi_id,
        rank() over (
            partition by fiscal_year, kpi_id, figure_as_of
            order by case when direction = 'at_least' then -value else value end
        ) as rank,
        count(*) over (partition by fiscal_year, kpi_id, figure_as_of) as ranked_branches
    from judged
    where
        branch_code != '00'
        and value is not null

),

final as (

    select
        judged.as_of,
        judged.fiscal_year,
        judged.branch_code,
        judged.branch,
        judged.kpi_id,
        judged.kpi,
        judged.kpi_order,
        judged.kpi_group,
        judged.unit,
        judged.precision,
        judged.direction,
        judged.kind,
        judged.figure_as_of,
        judged.figure_known_month,
        judged.numerator,
        judged.denominator,
        judged.value,
        judged.value_text,
        judged.target,
        judged.target_text,
        judged.comparator,
        judged.target_source,
        judged.outcome,
        judged.reason,
        judged.reason_text,
        judged.ratio_to_target,
        judged.is_nearly_attained,
        judged.prior_value,
        judged.prior_value_text,
        judged.prior_as_of,
        cast(ranks.rank as integer) as rank,
        cast(ranks.ranked_branches as integer) as ranked_branches,
        judged.source,
        judged.status,
        judged.notes,
        judged.flags
    from judged
    left join ranks
        on
            judged.fiscal_year = ranks.fiscal_year
            and judged.branch_code = ranks.branch_code
            and judged.kpi_id = ranks.kpi_id

)

select * from final
order by fiscal_year, branch_code, kpi_order
