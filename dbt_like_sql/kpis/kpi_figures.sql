-- Grain: one figure known by the month run: fiscal_year × as_of × branch_code × kpi_id.
-- Computed from records where that was done, as its newest computation had it (a gap in place of numbers included), with the
-- reported figure beside it; else as reported (a gap where the report is withheld); else, for the nation, the sum over all
-- branches.
with computed as (

    select *
    from {{ history('computed_figures') }}
    qualify
        row_number() over (
            partition by fiscal_year, as_of, branch_code, kpi_id
            order by figure_known_month desc
        ) = 1

),

reported as (

    select * from {{ ref('reported_figures') }}

),

national as (

    select * from {{ ref('national_sums') }}

),

kpis as (

    select * from {{ source('reference', 'kpis') }}

),

figures as (

    select
        computed.fiscal_year,
        computed.as_of,
        computed.branch_code,
        computed.kpi_id,
        computed.figure_known_month,
        computed.numerator,
        computed.denominator,
        computed.value,
        cast(null as boolean) as is_done,
        'computed' as source,
        computed.gap,
        computed.note,
        reported.value as reported_value,
        reported.numerator as reported_numerator,
        reported.denominator as reported_denominator
    from computed
    left join reported
        on
            computed.fiscal_year = reported.fiscal_year
            and computed.as_of = reported.as_of
            and computed.branch_code = reported.branch_code
            and computed.kpi_id = reported.kpi_id
    union all
    select
        reported.fiscal_year,
        reported.as_of,
        reported.branch_code,
        reported.kpi_id,
        reported.figure_known_month,
        reported.numerator,
        reported.denominator,
        reported.value,
        reported.is_done,
        'reported' as source,
        reported.gap,
        cast(null as varchar) as note,
        cast(null as decimal(28, 10)) as reported_value,
        cast(null as decimal(28, 10)) as reported_numerator,
        cast(null as decimal(28, 10)) as reported_denominator
    from reported
    anti join computed
        on
            reported.fiscal_year = computed.fiscal_year
            and reported.as_of = computed.as_of
            and reported.branch_code = computed.branch_code
            and reported.kpi_id = computed.kpi_id
    union all
    select
        national.fiscal_year,
        national.as_of,
        '00' as branch_code,
        national.kpi_id,
        national.figure_known_month,
        national.numerator,
        national.denominator,
        national.value,
        cast(null as boolean) as is_done,
        'computed' as source,
        cast(null as varchar) as gap,
        cast(null as varchar) as note,
        cast(null as decimal(28, 10)) as reported_value,
        cast(null as decimal(28, 10)) as reported_numerator,
        cast(null as decimal(28, 10)) as reported_denominator
    from national
    left join reported
        on
            national.fiscal_year = reported.fiscal_year
            and national.as_of = reported.as_of
            and national.kpi_id = reported.kpi_id
            and reported.branch_code = '00'
    left join computed
        on
            national.fiscal_year = computed.fiscal_year
            and national.as_of = computed.as_of
            and national.kpi_id = computed.kpi_id
            and computed.branch_code = '00'
    where
        reported.kpi_id is null
        and computed.kpi_id is null

),

final as (

    select
        figures.fiscal_year,
        figures.as_of,
        figures.branch_code,
        figures.kpi_id,
        figures.figure_known_month,
        figures.numerator,
        figures.denominator,
        figures.value,
        figures.is_done,
        figures.source,
        figures.gap,
        figures.note,
        figures.reported_value,
        figures.reported_numerator,
        figures.reported_denominator,
        kpis.kind as kpi_kind,
        kpis.precision as kpi_precision
    from figures
    left join kpis
        on
            figures.fiscal_year = kpis.fiscal_year
            and figures.branch_code = kpis.branch_code
            and figures.kpi_id = kpis.kpi_id

)

select * from final
order by fiscal_year, as_of, branch_code, kpi_id
