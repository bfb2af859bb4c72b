{# All partitions of a model up to the month run. The pipeline's runner reads the lake's earlier months here; under dbt the
   model's own relation holds them. #}
{% macro history(model_name) -%}
{{ return(ref(model_name)) }}
{%- endmacro %}
