{# Generic test: a figure computed from records and the reported one beside it agree at the KPI's printed precision.
   Exact: numbers become integers (their ten decimals are written out and the point removed), and half-up rounding to P decimals
   is floor((2·n·100·10^P + d) ÷ 2d). DuckDB divides decimals as doubles, which misses ties. As in judgement, the reported value
   stands before the quotient of its own counts. #}
{% test computed_agrees_with_reported(model) %}
with beside as (
  select
    *,
    cast(replace(cast(cast(numerator as decimal(28, 10)) as varchar), '.', '') as hugeint) as n,
    cast(replace(cast(cast(denominator as decimal(28, 10)) as varchar), '.', '') as hugeint) as d,
    cast(replace(cast(cast(reported_numerator as decimal(28, 10)) as varchar), '.', '') as hugeint) as rn,
    cast(replace(cast(cast(reported_denominator as decimal(28, 10)) as varchar), '.', '') as hugeint) as rd,
    cast(replace(cast(cast(reported_value as decimal(28, 10)) as varchar), '.', '') as hugeint) as rv,
    case kpi_kind when 'rate' then cast(100 as hugeint) else cast(1 as hugeint) end as factor,
    list_extract(cast([1, 10, 100, 1000, 10000, 100000, 1000000] as hugeint[]), kpi_precision + 1) as scale
  from {{ model }}
  where
    source = 'computed' and kpi_kind in ('rate', 'mean') and numerator is not null and denominator > 0
    and (reported_value is not null or (reported_numerator is not null and reported_denominator > 0))
),
rounded as (
  select
    *,
    sign(n) * ((2 * abs(n) * factor * scale + d) // (2 * d)) as computed_units,
    case
      when rv is not null then sign(rv) * ((2 * abs(rv) * scale + 10000000000) // 20000000000)
      else sign(rn) * ((2 * abs(rn) * factor * scale + rd) // (2 * rd))
    end as reported_units
  from beside
),
told as (
  select
    *,
    {% for figure in ['computed', 'reported'] %}
    case when {{ figure }}_units < 0 then '-' else '' end
    || cast(abs({{ figure }}_units) // scale as varchar)
    || case
         when kpi_precision = 0 then ''
         else '.' || lpad(cast(abs({{ figure }}_units) % scale as varchar), kpi_precision, '0')
       end as {{ figure }}{{ ',' if not loop.last }}
    {% endfor %}
  from rounded
)
select branch_code, kpi_id, fiscal_year, as_of, computed, reported
from told
where computed_units is distinct from reported_units
{% endtest %}
