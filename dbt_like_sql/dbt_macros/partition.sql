{# A model becomes the month's partition in dbt's own lake (external_root), written and committed as the pipeline does it; its
   relation is a view of that partition. Other months stay as they are. (dbt-duckdb's own "external" writes a row of nulls where
   a model is empty, and no folders.) #}
{% materialization partition, adapter='duckdb', supported_languages=['sql', 'python'] %}
  {%- set is_python = model['language'] == 'python' -%}
  {%- set target_relation = this.incorporate(type='view') -%}
  {%- set draft = make_intermediate_relation(this.incorporate(type='table' if is_python else 'view')) -%}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ drop_relation_if_exists(load_cached_relation(draft)) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}
  {% if is_python %}
    {% call statement('main', language='python') -%}
      {{ create_table_as(False, draft, compiled_code, 'python') }}
    {%- endcall %}
  {% else %}
    {% call statement('main') -%}
      {{ create_view_as(draft, sql) }}
    {%- endcall %}
  {% endif %}
  {{ adapter.commit() }}
  {% do store_relation('dbt_partitions', draft, partition_path(this.schema, this.identifier, var('month')), 'parquet', config) %}
  {% call statement('show_partition') -%}
    {{ show_partition(target_relation) }}
  {%- endcall %}
  {% do persist_docs(target_relation, model) %}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {{ adapter.commit() }}
  {{ adapter.drop_relation(draft) }}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {% do told_when_empty(target_relation) %}
  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
{# The check that every model has in the pipeline: it has rows. meta.has_rows of the model says warn, error or none. #}
{% macro told_when_empty(relation) -%}
{%- set wanted = config.meta_get('has_rows', 'warn') -%}
{%- if wanted != 'none' and run_query('select 1 from ' ~ relation ~ ' limit 1') | length == 0 -%}
  {%- if wanted == 'error' -%}
    {{ exceptions.raise_compiler_error(relation.identifier ~ ' has no rows') }}
  {%- endif -%}
  {{ exceptions.warn(relation.identifier ~ ' has no rows') }}
{%- endif -%}
{%- endmacro %}
