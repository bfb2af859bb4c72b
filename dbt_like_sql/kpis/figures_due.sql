-- Grain: one figure that the month run computes: fiscal_year × as_of × kpi_id.
-- The figure of the month run (of an earlier month where the KPI is reported with a lag) when its datasets came in that month
-- (the persons of a cohort: in any), and once more that of March of the year before, with what is known now, when they came in
-- every month of its span and year. The span is the known_months whose submissions decide the figure. Months of it that nobody
-- submitted are told: the figure stands on what there is.
with formulas as (

    select * from {{ source('reference', 'kpi_formulas') }}

),

feeds as (

    select * from {{ source('reference', 'kpi_datasets') }}

),

datasets as (

    select * from {{ source('reference', 'datasets') }}

),

months as (

    select distinct {{ month_of('day') }} as month
    from {{ source('reference', 'calendar') }}

),

submitted as (

    select distinct
        dataset,
        known_month
    from {{ history('stg_submissions') }}

),

asked as (

    select
        *,
        false as is_year_before,
        {{ add_months("'" ~ var("month") ~ "'", '-lag_months') }} as as_of
    from formulas
    where fiscal_year = {{ fiscal_year(add_months("'" ~ var("month") ~ "'", '-lag_months')) }}
    union all
    select
        *,
        true as is_year_before,
        {{ year_end('fiscal_year') }} as as_of
    from formulas
    where
        fiscal_year = {{ fiscal_year("'" ~ var("month") ~ "'") }} - 1
        and {{ year_end('fiscal_year') }} < {{ add_months("'" ~ var("month") ~ "'", '-lag_months') }}

),

spans as (

    select
        *,
        case
            when numerator_window = 'cohort' then {{ year_start('fiscal_year - 1') }}
            when numerator_window = 'service_month' then as_of
            else {{ year_start('fiscal_year') }}
        end as first_known_month,
        {{ add_months('as_of', 'lag_months') }} as last_known_month
    from asked

),

needed as (

    select
        spans.fiscal_year,
        spans.kpi_id,
        spans.as_of,
        spans.is_year_before,
        spans.last_known_month,
        feeds.dataset,
        months.month,
        spans.numerator_window = 'cohort' and feeds.dataset = 'untreated_persons' as is_roster,
        months.month >= spans.first_known_month as is_in_span,
        {{ year_end('spans.fiscal_year - 1') }} as roster_until,
        submitted.known_month is not null as is_submitted
    from spans
    inner join feeds
        on
            spans.fiscal_year = feeds.fiscal_year
            and spans.kpi_id = feeds.kpi_id
    inner join months
        on
            least(spans.first_known_month, {{ year_start('spans.fiscal_year') }}) <= months.month
            and spans.last_known_month >= months.month
    left join submitted
        on
            feeds.dataset = submitted.dataset
            and months.month = submitted.known_month

),

computed as (

    select
        fiscal_year,
        kpi_id,
        as_of
    from needed
    group by fiscal_year, kpi_id, as_of, is_year_before
    having
        case
            when is_year_before then bool_and(is_submitted)
            else
                bool_and(is_submitted or month != last_known_month or is_roster)
                and (not bool_or(is_roster) or bool_or(is_roster and is_submitted))
        end

),

-- consecutive months are told as a range
unsubmitted as (

    select
        needed.fiscal_year,
        needed.kpi_id,
        needed.as_of,
        needed.dataset,
        datasets.dataset_name,
        needed.month,
        cast(substr(needed.month, 1, 4) as integer) * 12 + cast(substr(needed.month, 6, 2) as integer)
        - row_number() over (
            partition by needed.fiscal_year, needed.kpi_id, needed.as_of, needed.dataset
            order by needed.month
        ) as stretch
    from needed
    inner join datasets
        on needed.dataset = datasets.dataset
    where
        needed.is_in_span
        and not needed.is_submitted
        and not (needed.is_roster and needed.month > needed.roster_until)

),

stretches as (

    select
        fiscal_year,
        kpi_id,
        as_of,
        dataset,
        dataset_name,
        min(month) as first_month,
        case count(*)
            when 1 then min(month)
            when 2 then min(month) || '・' || max(month)
            else min(month) || '～' || max(month)
        end as stretch_text
    from unsubmitted
    group by fiscal_year, kpi_id, as_of, dataset, dataset_name, stretch

),

notes_by_dataset as (

    select
        fiscal_year,
        kpi_id,
        as_of,
        dataset,
        dataset_name || 'の' || string_agg(stretch_text, '・' order by first_month) || 'の記録はありません' as note
    from stretches
    group by fiscal_year, kpi_id, as_of, dataset, dataset_name

),

notes as (

    select
        fiscal_year,
        kpi_id,
        as_of,
        string_agg(note, '、' order by dataset) as note
    from notes_by_dataset
    group by fiscal_year, kpi_id, as_of

),

final as (

    select
        spans.fiscal_year,
        spans.as_of,
        spans.kpi_id,
        spans.numerator_measure,
        spans.denominator_measure,
        spans.numerator_window,
        spans.denominator_window,
        spans.is_national_only,
        spans.first_known_month,
        spans.last_known_month,
        notes.note
    from spans
    inner join computed
        on
            spans.fiscal_year = computed.fiscal_year
            and spans.as_of = computed.as_of
            and spans.kpi_id = computed.kpi_id
    left join notes
        on
            spans.fiscal_year = notes.fiscal_year
            and spans.as_of = notes.as_of
            and spans.kpi_id = notes.kpi_id

)

select * from final
order by fiscal_year, as_of, kpi_id
