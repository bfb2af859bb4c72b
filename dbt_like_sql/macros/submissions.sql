{# The records of a dataset that count: of its rows, those of submissions that neither a later one replaced nor are held back. #}
{% macro used_rows(rows, submissions, dataset) -%}
select records.*
from {{ rows }} as records
anti join (
    select
        file,
        branch_code
    from {{ submissions }}
    where
        dataset = '{{ dataset }}'
        and status != 'used'
) as not_used
    on
        records.file = not_used.file
        and records.branch_code = not_used.branch_code
{%- endmacro %}
{# True where a finding stops what is built from its rows: it is critical and about rows. One about the dataset as a whole has
   blocked the run before; analytical ones only warn. #}
{% macro is_stopping(finding) -%}
({{ finding }}.severity = 'critical' and {{ finding }}.scope = 'rows' and {{ finding }}.tier != 'analytical')
{%- endmacro %}
{# True where a finding is about this KPI: the rows at fault name it, or name none and the rule protects it. #}
{% macro is_about_kpi(finding, kpi_id) -%}
(
    {{ finding }}.kpi_id = {{ kpi_id }}
    or (
        {{ finding }}.kpi_id = ''
        and ({{ finding }}.protects = 'all' or list_contains(string_split({{ finding }}.protects, ','), {{ kpi_id }}))
    )
)
{%- endmacro %}
{# True where a finding is about this branch and file: what the rows at fault do not name may be any. #}
{% macro is_about_file(finding, branch_code, file) -%}
{{ finding }}.branch_code in ('', {{ branch_code }}) and {{ finding }}.file in ('', {{ file }})
{%- endmacro %}
{# The rows of a dataset of figures that no critical finding about rows stops. #}
{% macro rows_not_stopped(rows, findings) -%}
select reported.*
from {{ rows }} as reported
anti join {{ findings }} as findings
    on
        {{ is_stopping('findings') }}
        and {{ is_about_file('findings', 'reported.branch_code', 'reported.file') }}
{%- endmacro %}
