{# Before the first model: everything is where it should be, dbt has built the months that the lake has before this one (their
   history is read), and what dbt has of the month can be read by whoever builds only a part of it. #}
{% macro begin_month() -%}
{%- if execute -%}
  {%- set month = var('month') | string -%}
  {%- if not modules.re.fullmatch('[0-9]{4}-(0[1-9]|1[0-2])', month) -%}
    {{ exceptions.raise_compiler_error("month: " ~ month ~ " is not a month; write --vars '{month: 2025-06}'") }}
  {%- endif -%}
  {%- set lake = env_var('KENPO_LAKE_URL', '') or (env_var('KENPO_HOME', '') or '.kenpo') ~ '/lake' -%}
  {%- set own_lake = adapter.external_root() -%}
  {%- if '://' in lake and not lake.startswith('file://') or '://' in own_lake -%}
    {{ exceptions.raise_compiler_error('dbt reads and writes lakes in folders only, not in an object store') }}
  {%- endif -%}
  {%- if own_lake.rstrip('/') == lake.rstrip('/') -%}
    {{ exceptions.raise_compiler_error("KENPO_DBT_LAKE is the pipeline's lake; give dbt a folder of its own") }}
  {%- endif -%}
  {%- set missing = run_query(
      "select distinct regexp_extract(file, '/month=([0-9-]+)/', 1) as month from glob('" ~ lake ~ "/reference/kpis/month=*/*.parquet') "
      ~ "where month < '" ~ month ~ "' except select regexp_extract(file, '/month=([0-9-]+)/', 1) from glob('"
      ~ partition_path('marts', 'mart_scorecard', '*') ~ "/*.parquet') order by month"
  ).columns[0].values() | list -%}
  {%- if missing -%}
    {{ exceptions.raise_compiler_error(
        "dbt has not built " ~ missing | join(', ') ~ ": " ~ month ~ " looks back on them. Build them first, the earliest first"
    ) }}
  {%- endif -%}
  {%- set built = run_query("select file from glob('" ~ partition_path('*', '*', month) ~ "/*.parquet')").columns[0].values() | join(' ') -%}
  {%- for node in graph.nodes.values()
      if node.resource_type == 'model' and '/' ~ node.schema ~ '/' ~ node.name ~ '/month=' in built -%}
    {%- set relation = api.Relation.create(database=node.database, schema=node.schema, identifier=node.name) -%}
    {%- do adapter.create_schema(relation) -%}
    {%- do run_query(show_partition(relation)) -%}
  {%- endfor -%}
{%- endif -%}
{%- endmacro %}
