-- Grain: one figure whose parts do not fit its whole: fiscal_year × as_of × branch_code × kpi_id × rule × detail.
-- sum_of_branches: the branches against the figure that head office reports for the nation. part_above_whole: a numerator above
-- its denominator. evaluations: more final evaluations (実績評価) in a year than first interviews (初回面談) that may have led to them.
with figures as (

    select * from {{ ref('comparable_figures') }}

),

branches as (

    select count(*) as branches from {{ source('reference', 'branches') }}
    where branch_code != '00'

),

thresholds as (

    {{ thresholds_in_force(source('reference', 'thresholds'), [
        'sum_tolerance_pct', 'evaluations_months', 'interviews_months'
    ]) }}

),

components as (

    select
        fiscal_year,
        as_of,
        branch_code,
        kpi_id,
        kind,
        source,
        '分子' as component,
        numerator as number
    from figures
    where kind in ('rate', 'mean')
    union all
    select
        fiscal_year,
        as_of,
        branch_code,
        kpi_id,
        kind,
        source,
        '分母' as component,
        denominator as number
    from figures
    where kind in ('rate', 'mean')
    union all
    select
        fiscal_year,
        as_of,
        branch_code,
        kpi_id,
        kind,
        source,
        '件数' as component,
        value as number
    from figures
    where kind = 'count'

),

sums as (

    select
        fiscal_year,
        as_of,
        kpi_id,
        kind,
        component,
        count(*) as branches,
        sum(number) as added_up
    from components
    where
        branch_code != '00'
        and number is not null
    group by fiscal_year, as_of, kpi_id, kind, component

),

-- some branches must not make more than the nation, all of them must make the same
found_sums as (

    select
        nation.fiscal_year,
        nation.as_of,
        nation.branch_code,
        nation.kpi_id,
        'sum_of_branches' as rule,
        '支部の合計が協会全体と合わない' as title,
        nation.component || 'は' || sums.branches || '支部で' || {{ amount('sums.added_up') }} || '、協会全体の報告で'
        || {{ amount('nation.number') }} as detail
    from components as nation
    inner join sums
        on
            nation.fiscal_year = sums.fiscal_year
            and nation.as_of = sums.as_of
            and nation.kpi_id = sums.kpi_id
            and nation.kind = sums.kind
            and nation.component = sums.component
    cross join branches
    cross join thresholds
    where
        nation.branch_code = '00'
        and nation.source = 'reported'
        and (
            (sums.added_up - nation.number) * 100 > thresholds.sum_tolerance_pct * nation.number
            or (
                sums.branches = branches.branches
                and (nation.number - sums.added_up) * 100 > thresholds.sum_tolerance_pct * nation.number
            )
        )

),

found_parts as (

    select
        fiscal_year,
        as_of,
        branch_code,
        kpi_id,
        'part_above_whole' as rule,
        '分子が分母を超えている' as title,
        {{ amount('numerator') }} || '÷' || {{ amount('denominator') }} as detail
    from figures
    where
        kind = 'rate'
        and numerator > denominator

),

guidance as (

    select
        counts.branch_code,
        counts.known_month,
        case counts.subject when '被保険者' then 'guidance_rate_insured' else 'guidance_rate_dependants' end as kpi_id,
        sum(counts.evaluated) as evaluated,
        case when count(*) = count(counts.first_interviews) then sum(counts.first_interviews) end as first_interviews
    from {{ history('stg_guidance_counts') }} as counts
    group by counts.branch_code, counts.known_month, counts.subject

),

windows as (

    select
        figures.fiscal_year,
        figures.as_of,
        figures.branch_code,
        figures.kpi_id,
        count(guidance.first_interviews) as months,
        sum(guidance.first_interviews) as first_interviews,
        sum(
            case
                when
                    {{ month_number('figures.as_of') }} - {{ month_number('guidance.known_month') }}
                    < thresholds.evaluations_months
                    then guidance.evaluated
            end
        ) as evaluated
    from figures
    cross join thresholds
    inner join guidance
        on
            figures.branch_code = guidance.branch_code
            and figures.kpi_id = guidance.kpi_id
            and figures.as_of >= guidance.known_month
    where
        figures.source = 'computed'
        and {{ month_number('figures.as_of') }} - {{ month_number('guidance.known_month') }} < thresholds.interviews_months
    group by figures.fiscal_year, figures.as_of, figures.branch_code, figures.kpi_id

),

found_evaluations as (

    select
        windows.fiscal_year,
        windows.as_of,
        windows.branch_code,
        windows.kpi_id,
        'evaluations' as rule,
        '実績評価が初回面談を超えている' as title,
        windows.as_of || 'まで' || cast(cast(thresholds.evaluations_months as integer) as varchar) || 'か月の実績評価'
        || {{ amount('windows.evaluated') }} || '人、' || cast(cast(thresholds.interviews_months as integer) as varchar)
        || 'か月の初回面談' || {{ amount('windows.first_interviews') }} || '人' as detail
    from windows
    cross join thresholds
    where
        windows.months = thresholds.interviews_months
        and windows.evaluated > windows.first_interviews

),

final as (

    select * from found_sums
    union all
    select * from found_parts
    union all
    select * from found_evaluations

)

select * from final
order by fiscal_year, as_of, branch_code, kpi_id, rule, detail
