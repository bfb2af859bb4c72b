{# True for a printed sum among the initiatives of a plan or report: 計, 合計, 小計, 総計 (a bracket may follow), or something 総額.
   expectations/initiatives.yml (printed_sum_agrees) goes by the same words. #}
{% macro is_printed_sum(name) -%}
regexp_matches({{ name }}, '^((小|合|総)?計([（(].*)?|.*総額)$')
{%- endmacro %}
