{# Generic test: an analytical rule found nothing about the figures that arrived in the month run. #}
{% test no_new_findings(model, rule) %}
select branch_code, kpi_id, fiscal_year, as_of, title, detail
from {{ model }}
where rule = '{{ rule }}' and is_new
{% endtest %}
