-- Grain: one figure computed from records as known in the month run: fiscal_year × as_of × branch_code × kpi_id.
-- A branch whose records are lacking in a month of the figure's span has a gap in place of numbers; the nation is Σ numerators
-- and Σ denominators of all branches, or has a gap. Sums and counts only: the quotient is taken once, exactly, by judgement.
with due as (

    select * from {{ ref('figures_due') }}

),

feeds as (

    select * from {{ source('reference', 'kpi_datasets') }}

),

datasets as (

    select * from {{ source('reference', 'datasets') }}

),

branches as (

    select * from {{ source('reference', 'branches') }}
    where branch_code != '00'

),

gap_rows as (

    select
        due.fiscal_year,
        due.kpi_id,
        due.as_of,
        gaps.branch_code,
        datasets.dataset_name || gaps.known_month
        || case
            when gaps.reason = 'held_back' then '（保留' || coalesce('：' || gaps.failed_rules, '') || '）'
            else '（未提出）'
        end as gap_text,
        row_number() over (
            partition by due.fiscal_year, due.kpi_id, due.as_of, gaps.branch_code
            order by gaps.known_month, gaps.dataset
        ) as place,
        count(*) over (partition by due.fiscal_year, due.kpi_id, due.as_of, gaps.branch_code) as gaps
    from due
    inner join feeds
        on
            due.fiscal_year = feeds.fiscal_year
            and due.kpi_id = feeds.kpi_id
    inner join {{ ref('submission_gaps') }} as gaps
        on
            feeds.dataset = gaps.dataset
            and due.first_known_month <= gaps.known_month
            and due.last_known_month >= gaps.known_month
    inner join datasets
        on gaps.dataset = datasets.dataset

),

branch_gaps as (

    select
        fiscal_year,
        kpi_id,
        as_of,
        branch_code,
        '提出不備：' || string_agg(case when place <= 10 then gap_text end, '、' order by place)
        || case when gaps > 10 then '、ほか' || cast(gaps - 10 as varchar) || '件' else '' end as gap
    from gap_rows
    group by fiscal_year, kpi_id, as_of, branch_code, gaps

),

components as (

    select
        fiscal_year,
        kpi_id,
        as_of,
        'numerator' as component,
        numerator_measure as measure_id,
        numerator_window as measure_window
    from due
    union all
    select
        fiscal_year,
        kpi_id,
        as_of,
        'denominator' as component,
        denominator_measure as measure_id,
        denominator_window as measure_window
    from due

),

known_measures as (

    select
        month,
        branch_code,
        measure_id,
        sum(value) as added_up,
        arg_max(value, known_month) as newest
    from {{ history('record_measures') }}
    where month >= {{ year_start(fiscal_year("'" ~ var("month") ~ "'") ~ ' - 1') }}
    group by month, branch_code, measure_id

),

amounts as (

    select
        components.fiscal_year,
        components.kpi_id,
        components.as_of,
        components.component,
        known_measures.branch_code,
        case components.measure_window
            when 'latest' then arg_max(known_measures.newest, known_measures.month)
            else sum(known_measures.added_up)
        end as amount
    from components
    inner join known_measures
        on
            components.measure_id = known_measures.measure_id
            and components.as_of >= known_measures.month
            and known_measures.month >= case components.measure_window
                when 'service_month' then components.as_of
                else {{ year_start('components.fiscal_year') }}
            end
    where components.measure_window != 'cohort'
    group by
        components.fiscal_year,
        components.kpi_id,
        components.as_of,
        components.component,
        components.measure_window,
        known_measures.branch_code
    union all
    select
        components.fiscal_year,
        components.kpi_id,
        components.as_of,
        components.component,
        cohorts.branch_code,
        sum(cohorts.value) as amount
    from components
    inner join {{ ref('cohort_measures') }} as cohorts
        on
            components.measure_id = cohorts.measure_id
            and components.fiscal_year = cohorts.cohort_fiscal_year + 1
            and components.as_of >= cohorts.last_visit_month
    where components.measure_window = 'cohort'
    group by
        components.fiscal_year,
        components.kpi_id,
        components.as_of,
        components.component,
        cohorts.branch_code

),

counted as (

    select
        fiscal_year,
        kpi_id,
        as_of,
        branch_code,
        max(case when component = 'numerator' then amount end) as numerator,
        max(case when component = 'denominator' then amount end) as denominator
    from amounts
    group by fiscal_year, kpi_id, as_of, branch_code

),

-- every branch has a figure or a gap; without a single record numerator and denominator are zero, but a head count is never
of_branches as (

    select
        due.fiscal_year,
        due.as_of,
        due.kpi_id,
        due.is_national_only,
        due.numerator_window,
        branches.branch_code,
        branches.branch,
        coalesce(counted.numerator, 0) as numerator,
        case when due.denominator_window = 'latest' then counted.denominator else coalesce(counted.denominator, 0) end
            as denominator,
        coalesce(
            branch_gaps.gap,
            case
                when due.denominator_window = 'latest' and counted.denominator is null
                    then '提出不備：対象者数がありません'
            end
        ) as gap
    from due
    cross join branches
    left join counted
        on
            due.fiscal_year = counted.fiscal_year
            and due.kpi_id = counted.kpi_id
            and due.as_of = counted.as_of
            and branches.branch_code = counted.branch_code
    left join branch_gaps
        on
            due.fiscal_year = branch_gaps.fiscal_year
            and due.kpi_id = branch_gaps.kpi_id
            and due.as_of = branch_gaps.as_of
            and branches.branch_code = branch_gaps.branch_code

),

ranked_gaps as (

    select
        *,
        case
            when gap is not null
                then row_number() over (partition by fiscal_year, as_of, kpi_id, gap is null order by branch_code)
        end as gap_place
    from of_branches

),

of_nation as (

    select
        fiscal_year,
        as_of,
        kpi_id,
        sum(numerator) as numerator,
        sum(denominator) as denominator,
        case
            when count(gap) > 0
                then
                    '提出不備：' || string_agg(case when gap_place <= 10 then branch end, '・' order by branch_code)
                    || case when count(gap) > 10 then '・ほか' || cast(count(gap) - 10 as varchar) || '支部' else '' end
        end as gap
    from ranked_gaps
    group by fiscal_year, as_of, kpi_id, numerator_window
    -- where nobody has a record of the figure's months nothing is computed, and what was reported stands
    having
        coalesce(sum(denominator), 0) != 0
        or (count(gap) > 0 and numerator_window != 'cohort')

),

figures as (

    select
        of_branches.fiscal_year,
        of_branches.as_of,
        of_branches.branch_code,
        of_branches.kpi_id,
        of_branches.numerator,
        of_branches.denominator,
        of_branches.gap
    from of_branches
    inner join of_nation
        on
            of_branches.fiscal_year = of_nation.fiscal_year
            and of_branches.as_of = of_nation.as_of
            and of_branches.kpi_id = of_nation.kpi_id
    where not of_branches.is_national_only
    union all
    select
        fiscal_year,
        as_of,
        '00' as branch_code,
        kpi_id,
        numerator,
        denominator,
        gap
    from of_nation

),

final as (

    select
        figures.fiscal_year,
        figures.as_of,
        figures.branch_code,
        figures.kpi_id,
        '{{ var("month") }}' as figure_known_month,
        case when figures.gap is null then cast(figures.numerator as decimal(28, 10)) end as numerator,
        case when figures.gap is null then cast(figures.denominator as decimal(28, 10)) end as denominator,
        cast(null as decimal(28, 10)) as value,
        figures.gap,
        due.note
    from figures
    inner join due
        on
            figures.fiscal_year = due.fiscal_year
            and figures.as_of = due.as_of
            and figures.kpi_id = due.kpi_id

)

select * from final
order by fiscal_year, as_of, branch_code, kpi_id
