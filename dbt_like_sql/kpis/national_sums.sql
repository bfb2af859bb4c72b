-- Grain: one figure of the nation added up from its branches: fiscal_year × as_of × kpi_id.
-- Σ numerators ÷ Σ denominators, never a mean of rates; Σ of counts; number of branches that did what was asked. Only where all
-- branches have a figure for that month, none of them withheld: a sum over some of them would pass for the nation.
with figures as (

    select * from {{ ref('reported_figures') }}
    where
        branch_code != '00'
        and gap is null

),

branches as (

    select count(*) as branches from {{ source('reference', 'branches') }}
    where branch_code != '00'

),

definitions as (

    select
        branch_kpis.fiscal_year,
        branch_kpis.kpi_id,
        min(branch_kpis.kind) as branch_kind,
        min(national_kpis.kind) as national_kind
    from {{ source('reference', 'kpis') }} as branch_kpis
    inner join {{ source('reference', 'kpis') }} as national_kpis
        on
            branch_kpis.fiscal_year = national_kpis.fiscal_year
            and branch_kpis.kpi_id = national_kpis.kpi_id
            and national_kpis.branch_code = '00'
    where branch_kpis.branch_code != '00'
    group by branch_kpis.fiscal_year, branch_kpis.kpi_id

),

sums as (

    select
        fiscal_year,
        as_of,
        kpi_id,
        count(distinct branch_code) as branches,
        max(figure_known_month) as figure_known_month,
        count(case when numerator is not null and denominator is not null then 1 end) as branches_with_counts,
        count(value) as branches_with_value,
        count(is_done) as branches_with_answer,
        sum(numerator) as numerator,
        sum(denominator) as denominator,
        sum(value) as value,
        sum(case when is_done then 1 else 0 end) as branches_done
    from figures
    group by fiscal_year, as_of, kpi_id

),

complete as (

    select sums.*
    from sums
    inner join branches
        on sums.branches = branches.branches

),

final as (

    select
        complete.fiscal_year,
        complete.as_of,
        complete.kpi_id,
        complete.figure_known_month,
        case
            when definitions.branch_kind in ('rate', 'mean') then cast(complete.numerator as decimal(28, 10))
        end as numerator,
        case
            when definitions.branch_kind in ('rate', 'mean') then cast(complete.denominator as decimal(28, 10))
        end as denominator,
        case
            when definitions.branch_kind = 'count' then cast(complete.value as decimal(28, 10))
            when definitions.branch_kind = 'qualitative' then cast(complete.branches_done as decimal(28, 10))
        end as value
    from complete
    inner join definitions
        on
            complete.fiscal_year = definitions.fiscal_year
            and complete.kpi_id = definitions.kpi_id
    where
        (
            definitions.branch_kind in ('rate', 'mean')
            and definitions.national_kind = definitions.branch_kind
            and complete.branches_with_counts = complete.branches
        )
        or (
            definitions.branch_kind = 'count'
            and definitions.national_kind = 'count'
            and complete.branches_with_value = complete.branches
        )
        or (
            definitions.branch_kind = 'qualitative'
            and definitions.national_kind = 'count'
            and complete.branches_with_answer = complete.branches
        )

)

select * from final
order by fiscal_year, as_of, kpi_id
