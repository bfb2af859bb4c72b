-- Grain: one figure that does not fit its own branch's other months: fiscal_year × as_of × branch_code × kpi_id × rule ×
-- detail. own_months: what the month adds is far from what the months before it added (robust z-score; too few months say
-- nothing). falls: a number that adds up over the fiscal year became smaller. denominator_jump: a head count changed within
-- the fiscal year.
with figures as (

    select
        *,
        cast(month_units as hugeint) as units
    from {{ ref('comparable_figures') }}

),

thresholds as (

    {{ thresholds_in_force(source('reference', 'thresholds'), [
        'own_months_z', 'own_months_least', 'own_months_most', 'month_cases_least_pct', 'deviation_floor_pct',
        'least_denominator', 'least_cases_off', 'fall_pct', 'denominator_jump_pct'
    ]) }}

),

own_months as (

    select
        figures.fiscal_year,
        figures.as_of,
        figures.branch_code,
        figures.kpi_id,
        figures.units,
        figures.month_cases,
        earlier.units as earlier_units,
        earlier.month_cases as earlier_cases
    from figures
    cross join thresholds
    inner join figures as earlier
        on
            figures.branch_code = earlier.branch_code
            and figures.kpi_id = earlier.kpi_id
            and figures.source = earlier.source
            and figures.as_of > earlier.as_of
    where
        figures.branch_code != '00'
        and figures.units is not null
        and earlier.units is not null
        and coalesce(figures.month_cases, thresholds.least_denominator) >= thresholds.least_denominator
        and coalesce(earlier.month_cases, thresholds.least_denominator) >= thresholds.least_denominator
        and {{ month_number('figures.as_of') }} - {{ month_number('earlier.as_of') }} <= thresholds.own_months_most

),

own_medians as (

    select
        fiscal_year,
        as_of,
        branch_code,
        kpi_id,
        count(*) as months,
        {{ twice_the_median('earlier_units') }} as twice_median,
        {{ twice_the_median('earlier_cases') }} as twice_median_cases
    from own_months
    group by fiscal_year, as_of, branch_code, kpi_id

),

own_spreads as (

    select
        own_medians.*,
        any_value(own_months.units) as units,
        any_value(own_months.month_cases) as month_cases,
        {{ twice_the_median('abs(2 * own_months.earlier_units - own_medians.twice_median)') }} as spread,
        sum(abs(2 * own_months.earlier_units - own_medians.twice_median)) as total
    from own_months
    inner join own_medians
        on
            own_months.fiscal_year = own_medians.fiscal_year
            and own_months.as_of = own_medians.as_of
            and own_months.branch_code = own_medians.branch_code
            and own_months.kpi_id = own_medians.kpi_id
    group by all

),

found_own_months as (

    select
        figures.fiscal_year,
        figures.as_of,
        figures.branch_code,
        figures.kpi_id,
        'own_months' as rule,
        '過去の月の動きから外れた値' as title,
        figures.as_of || case figures.accumulation when 'cumulative' then 'の１か月分は' else 'は' end
        || {{ printed('own.units', 'figures.precision') }} || figures.unit
        || '（過去' || own.months || 'か月の中央値' || {{ printed('(own.twice_median // 2)', 'figures.precision') }}
        || figures.unit || '）' as detail
    from own_spreads as own
    inner join figures
        on
            own.fiscal_year = figures.fiscal_year
            and own.as_of = figures.as_of
            and own.branch_code = figures.branch_code
            and own.kpi_id = figures.kpi_id
    cross join thresholds
    where
        own.months >= thresholds.own_months_least
        and coalesce(own.month_cases * 200 >= thresholds.month_cases_least_pct * own.twice_median_cases, true)
        and {{ is_off_by(
            'abs(2 * own.units - own.twice_median)', 'own.month_cases', 'figures.kind', 'thresholds.least_cases_off'
        ) }}
        and {{ is_far(
            'abs(2 * own.units - own.twice_median)', 'own.spread', 'own.total', 'own.months', 'own.twice_median',
            'thresholds.own_months_z', 'thresholds.deviation_floor_pct'
        ) }}

),

-- with the figure before it in the same fiscal year
steps as (

    select
        *,
        coalesce(numerator, value) as added_up,
        lag(as_of) over figures_before as as_of_before,
        lag(coalesce(numerator, value)) over figures_before as added_up_before,
        lag(denominator) over figures_before as denominator_before
    from figures
    where branch_code != '00'
    window
        figures_before as (
            partition by fiscal_year, branch_code, kpi_id, source
            order by as_of
        )

),

found_falls as (

    select
        steps.fiscal_year,
        steps.as_of,
        steps.branch_code,
        steps.kpi_id,
        'falls' as rule,
        '年度の累計が減っている' as title,
        steps.as_of_before || 'の' || {{ amount('steps.added_up_before') }} || 'から' || steps.as_of || 'の'
        || {{ amount('steps.added_up') }} || 'へ' as detail
    from steps
    cross join thresholds
    where
        steps.accumulation = 'cumulative'
        and (steps.kind = 'count' or (steps.numerator is not null and steps.kind in ('rate', 'mean')))
        and steps.added_up_before - steps.added_up >= thresholds.least_cases_off
        and (steps.added_up_before - steps.added_up) * 100 > thresholds.fall_pct * steps.added_up_before

),

found_jumps as (

    select
        steps.fiscal_year,
        steps.as_of,
        steps.branch_code,
        steps.kpi_id,
        'denominator_jump' as rule,
        '分母が大きく変わっている' as title,
        steps.as_of_before || 'の' || {{ amount('steps.denominator_before') }} || 'から' || steps.as_of || 'の'
        || {{ amount('steps.denominator') }} || 'へ' as detail
    from steps
    cross join thresholds
    where
        (steps.is_of_head_count or steps.accumulation = 'level')
        and steps.denominator_before >= thresholds.least_denominator
        and abs(steps.denominator - steps.denominator_before) * 100
        > thresholds.denominator_jump_pct * steps.denominator_before

),

final as (

    select * from found_own_months
    union all
    select * from found_falls
    union all
    select * from found_jumps

)

select * from final
order by fiscal_year, as_of, branch_code, kpi_id, rule, detail
