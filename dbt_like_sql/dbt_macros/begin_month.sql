{# Before the first model: a month was named that the pipeline has read, dbt has built those that the lake has before it (their
   history is read), and what dbt has of the month can be read by whoever builds only a part of it. Which lakes dbt may use the
   plugin knows (resources/dbt_partitions.py). #}
{% macro begin_month() -%}
{%- if execute -%}
  {%- set month = var('month') | string -%}
  {%- if not modules.re.fullmatch('[0-9]{4}-(0[1-9]|1[0-2])', month) -%}
    {{ exceptions.raise_compiler_error("month: '" ~ month ~ "' is not a month; write --vars '{month: 2025-06}'") }}
  {%- endif -%}
  {%- set lake = env_var('KENPO_LAKE_URL', '') or (env_var('KENPO_HOME', '') or '.kenpo') ~ '/lake' -%}
  {%- set read = months_of(lake ~ '/reference/kpis/month=*') -%}
  {%- if month not in read -%}
    {{ exceptions.raise_compiler_error("the lake " ~ lake ~ " has no " ~ month ~ ": `kenpo run --month " ~ month ~ "` reads it") }}
  {%- endif -%}
  {%- set missing = read | select('lt', month) | reject('in', months_of(partition_path('marts', 'mart_scorecard', '*'))) | list -%}
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
{# The months of which there are files in a folder, whose name is a pattern; ascending. #}
{% macro months_of(folder) -%}
{%- set found = run_query(
    "select distinct regexp_extract(file, '/month=([0-9-]+)/', 1) as month from glob('" ~ folder ~ "/*.parquet') order by month"
) -%}
{{ return(found.columns[0].values() | list) }}
{%- endmacro %}
