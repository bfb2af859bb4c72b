{# A model lies in the schema of its folder, as in the lake: staging, facts, measures, kpis, judged, marts. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
{{ custom_schema_name or node.original_file_path.split('/')[-2] }}
{%- endmacro %}
