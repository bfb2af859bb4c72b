{# The fiscal year (April to March) of a month 'YYYY-MM'; its twin in Python is kenpo_pipelines.fiscal.fiscal_year_of. #}
{% macro fiscal_year(month) -%}
(cast(substr({{ month }}, 1, 4) as integer) - case when substr({{ month }}, 6, 2) < '04' then 1 else 0 end)
{%- endmacro %}
{# March of a fiscal year, and June of one, as 'YYYY-MM'. #}
{% macro year_end(fiscal_year) -%}
(cast({{ fiscal_year }} + 1 as varchar) || '-03')
{%- endmacro %}
{% macro june(fiscal_year) -%}
(cast({{ fiscal_year }} as varchar) || '-06')
{%- endmacro %}
{# April of a fiscal year, as 'YYYY-MM'. #}
{% macro year_start(fiscal_year) -%}
(cast({{ fiscal_year }} as varchar) || '-04')
{%- endmacro %}
{# The month so many months after 'YYYY-MM' (before, if negative); its twin in Python is kenpo_pipelines.fiscal.add_months. #}
{% macro add_months(month, count) -%}
strftime(cast({{ month }} || '-01' as date) + to_months({{ count }}), '%Y-%m')
{%- endmacro %}
{# The month of a day. #}
{% macro month_of(day) -%}
strftime({{ day }}, '%Y-%m')
{%- endmacro %}
{# Months since the year 0, so that one month follows another by 1. #}
{% macro month_number(month) -%}
(cast(substr({{ month }}, 1, 4) as integer) * 12 + cast(substr({{ month }}, 6, 2) as integer))
{%- endmacro %}
