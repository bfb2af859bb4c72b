-- Grain: one KPI to judge: fiscal_year × branch_code × kpi_id, for every judged fiscal year up to the month's, every branch that
-- has a figure or a target in that year or submitted anything in it (rejected rows and ― included), the nation always, and every
-- KPI in force for it.
-- The figure is the newest whose own as_of is not after the month run, be it a gap. The prior year's figures are those of its
-- end (March) and of June (the planning month of the 80 % rule); a mid-year figure never stands in for the year's result, and
-- one with a gap is no base for a target.
with fiscal_years as (

    select fiscal_year
    from {{ source('reference', 'fiscal_years') }}
    where
        is_judged
        and fiscal_year <= {{ fiscal_year("'" ~ var("month") ~ "'") }}

),

kpis as (

    select * from {{ source('reference', 'kpis') }}

),

figures as (

    select * from {{ ref('kpi_figures') }}
    where as_of <= '{{ var("month") }}'

),

targets as (

    select * from {{ ref('kpi_targets_in_force') }}

),

present as (

    select
        fiscal_year,
        branch_code
    from figures
    union
    select
        fiscal_year,
        branch_code
    from targets
    union
    select
        {{ fiscal_year('month') }} as fiscal_year,
        branch_code
    from {{ history('reported_measures') }}
    union
    select
        {{ fiscal_year('known_month') }} as fiscal_year,
        branch_code
    from {{ history('stg_submissions') }}
    union
    select
        fiscal_year,
        '00' as branch_code
    from fiscal_years

),

expected as (

    select
        kpis.fiscal_year,
        kpis.branch_code,
        kpis.kpi_id
    from kpis
    inner join fiscal_years
        on kpis.fiscal_year = fiscal_years.fiscal_year
    inner join present
        on
            kpis.fiscal_year = present.fiscal_year
            and kpis.branch_code = present.branch_code

),

current_figures as (

    select *
    from figures
    qualify
        row_number() over (
            partition by fiscal_year, branch_code, kpi_id
            order by as_of desc
        ) = 1

),

prior_year_end as (

    select * from figures
    where
        as_of = {{ year_end('fiscal_year') }}
        and gap is null

),

prior_june as (

    select * from figures
    where
        as_of = {{ june('fiscal_year') }}
        and gap is null

),

final as (

    select
        expected.fiscal_year,
        expected.branch_code,
        expected.kpi_id,
        current_figures.as_of as figure_as_of,
        current_figures.figure_known_month,
        current_figures.numerator,
        current_figures.denominator,
        current_figures.value,
        current_figures.is_done,
        current_figures.source,
        current_figures.gap,
        current_figures.note,
        current_figures.reported_value,
        current_figures.reported_numerator,
        current_figures.reported_denominator,
        own_target.comparator as own_comparator,
        own_target.target_value as own_target_value,
        own_target.is_contradictory,
        own_target.registered_as,
        national_target.comparator as national_comparator,
        national_target.target_value as national_target_value,
        national_target.is_contradictory as national_is_contradictory,
        prior_year_end.as_of as prior_as_of,
        prior_year_end.numerator as prior_numerator,
        prior_year_end.denominator as prior_denominator,
        prior_year_end.value as prior_value,
        prior_year_end.is_done as prior_is_done,
        prior_june.as_of as prior_june_as_of,
        prior_june.numerator as prior_june_numerator,
        prior_june.denominator as prior_june_denominator,
        prior_june.value as prior_june_value
    from expected
    left join current_figures
        on
            expected.fiscal_year = current_figures.fiscal_year
            and expected.branch_code = current_figures.branch_code
            and expected.kpi_id = current_figures.kpi_id
    left join targets as own_target
        on
            expected.fiscal_year = own_target.fiscal_year
            and expected.branch_code = own_target.branch_code
            and expected.kpi_id = own_target.kpi_id
    left join targets as national_target
        on
            expected.fiscal_year = national_target.fiscal_year
            and expected.kpi_id = national_target.kpi_id
            and national_target.branch_code = '00'
    left join prior_year_end
        on
            expected.fiscal_year = prior_year_end.fiscal_year + 1
            and expected.branch_code = prior_year_end.branch_code
            and expected.kpi_id = prior_year_end.kpi_id
    left join prior_june
        on
            expected.fiscal_year = prior_june.fiscal_year + 1
            and expected.branch_code = prior_june.branch_code
            and expected.kpi_id = prior_june.kpi_id

)

select * from final
order by fiscal_year, branch_code, kpi_id
