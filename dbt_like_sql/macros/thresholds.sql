{# One row with a column per threshold: the value that holds in the month run, null before its first day. #}
{% macro thresholds_in_force(thresholds, names) -%}
select
    {% for name in names %}
        max(case when threshold = '{{ name }}' then value end) as {{ name }}{{ ',' if not loop.last }}
    {% endfor %}
from (
    select
        threshold,
        value
    from {{ thresholds }}
    where {{ month_of('since') }} <= '{{ var("month") }}'
    qualify
        row_number() over (
            partition by threshold
            order by since desc
        ) = 1
)
{%- endmacro %}
