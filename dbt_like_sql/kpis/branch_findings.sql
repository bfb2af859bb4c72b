-- Grain: one figure that does not fit those of the other branches: fiscal_year × as_of × branch_code × kpi_id × rule × detail.
-- branches: it is far from the branches' median (robust z-score over one KPI and month; too few branches say nothing).
-- copied_cell: another branch has the same numerator and denominator, of the figure or of the month's records, too large for
-- chance. copied_row: another branch has the same counts in several KPIs of the month.
with figures as (

    select
        *,
        cast(figure_units as hugeint) as units
    from {{ ref('comparable_figures') }}

),

branches as (

    select * from {{ source('reference', 'branches') }}

),

thresholds as (

    {{ thresholds_in_force(source('reference', 'thresholds'), [
        'branches_z', 'branches_least', 'deviation_floor_pct', 'least_denominator', 'least_cases_off',
        'copied_least_denominator', 'copied_least_numerator', 'copied_row_cells', 'copied_row_least_count'
    ]) }}

),

of_branches as (

    select figures.*
    from figures
    cross join thresholds
    where
        figures.branch_code != '00'
        and figures.kind in ('rate', 'mean')
        and coalesce(figures.denominator, thresholds.least_denominator) >= thresholds.least_denominator

),

branch_medians as (

    select
        fiscal_year,
        as_of,
        kpi_id,
        count(*) as branches,
        {{ twice_the_median('units') }} as twice_median
    from of_branches
    group by fiscal_year, as_of, kpi_id

),

branch_spreads as (

    select
        branch_medians.*,
        {{ twice_the_median('abs(2 * of_branches.units - branch_medians.twice_median)') }} as spread,
        sum(abs(2 * of_branches.units - branch_medians.twice_median)) as total
    from of_branches
    inner join branch_medians
        on
            of_branches.fiscal_year = branch_medians.fiscal_year
            and of_branches.as_of = branch_medians.as_of
            and of_branches.kpi_id = branch_medians.kpi_id
    group by all

),

found_branches as (

    select
        figures.fiscal_year,
        figures.as_of,
        figures.branch_code,
        figures.kpi_id,
        'branches' as rule,
        '全支部の中で外れた値' as title,
        {{ printed('figures.units', 'figures.precision') }} || figures.unit || '（' || branches.branches
        || '支部の中央値' || {{ printed('(branches.twice_median // 2)', 'figures.precision') }} || figures.unit || '）' as detail
    from of_branches as figures
    inner join branch_spreads as branches
        on
            figures.fiscal_year = branches.fiscal_year
            and figures.as_of = branches.as_of
            and figures.kpi_id = branches.kpi_id
    cross join thresholds
    where
        branches.branches >= thresholds.branches_least
        and {{ is_far(
            'abs(2 * figures.units - branches.twice_median)', 'branches.spread', 'branches.total',
            'branches.branches', 'branches.twice_median', 'thresholds.branches_z', 'thresholds.deviation_floor_pct'
        ) }}
        and {{ is_off_by(
            'abs(2 * figures.units - branches.twice_median)', 'figures.denominator', 'figures.kind',
            'thresholds.least_cases_off'
        ) }}

),

month_cells as (

    select
        formulas.fiscal_year,
        over_line.month as as_of,
        over_line.branch_code,
        formulas.kpi_id,
        over_line.value as numerator,
        under_line.value as denominator
    from {{ source('reference', 'kpi_formulas') }} as formulas
    inner join {{ ref('record_measures') }} as over_line
        on
            formulas.numerator_measure = over_line.measure_id
            and {{ fiscal_year('over_line.month') }} = formulas.fiscal_year
    inner join {{ ref('record_measures') }} as under_line
        on
            formulas.denominator_measure = under_line.measure_id
            and over_line.month = under_line.month
            and over_line.branch_code = under_line.branch_code

),

-- counts of a figure, and of the month's own records behind it
cells as (

    select
        fiscal_year,
        as_of,
        branch_code,
        kpi_id,
        numerator,
        denominator
    from figures
    where branch_code != '00'
    union
    select
        fiscal_year,
        as_of,
        branch_code,
        kpi_id,
        numerator,
        denominator
    from month_cells

),

found_copied_cells as (

    select distinct
        cells.fiscal_year,
        cells.as_of,
        cells.branch_code,
        cells.kpi_id,
        'copied_cell' as rule,
        '分子と分母が他の支部と同じ' as title,
        branches.branch || 'と同じ' || {{ amount('cells.numerator') }} || '÷' || {{ amount('cells.denominator') }} as detail
    from cells
    inner join cells as others
        on
            cells.fiscal_year = others.fiscal_year
            and cells.as_of = others.as_of
            and cells.kpi_id = others.kpi_id
            and cells.numerator = others.numerator
            and cells.denominator = others.denominator
            and cells.branch_code != others.branch_code
    inner join branches
        on others.branch_code = branches.branch_code
    cross join thresholds
    where
        cells.denominator >= thresholds.copied_least_denominator
        and cells.numerator >= thresholds.copied_least_numerator

),

counts as (

    select
        fiscal_year,
        as_of,
        branch_code,
        kpi_id,
        case kind when 'count' then value else numerator end as counted,
        case kind when 'count' then value else denominator end as counted_of
    from figures
    where branch_code != '00'

),

same_counts as (

    select
        counts.*,
        others.branch_code as other_branch_code,
        count(*) over (
            partition by counts.fiscal_year, counts.as_of, counts.branch_code, others.branch_code
        ) as cells_in_common
    from counts
    inner join counts as others
        on
            counts.fiscal_year = others.fiscal_year
            and counts.as_of = others.as_of
            and counts.kpi_id = others.kpi_id
            and counts.counted = others.counted
            and counts.counted_of = others.counted_of
            and counts.branch_code != others.branch_code
    cross join thresholds
    where
        counts.counted >= thresholds.copied_row_least_count
        and counts.counted_of >= thresholds.copied_row_least_count

),

found_copied_rows as (

    select
        same_counts.fiscal_year,
        same_counts.as_of,
        same_counts.branch_code,
        same_counts.kpi_id,
        'copied_row' as rule,
        '複数の指標の件数が他の支部と同じ' as title,
        branches.branch || 'と' || same_counts.cells_in_common || '指標の件数が同じ' as detail
    from same_counts
    inner join branches
        on same_counts.other_branch_code = branches.branch_code
    cross join thresholds
    where same_counts.cells_in_common >= thresholds.copied_row_cells

),

final as (

    select * from found_branches
    union all
    select * from found_copied_cells
    union all
    select * from found_copied_rows

)

select * from final
order by fiscal_year, as_of, branch_code, kpi_id, rule, detail
