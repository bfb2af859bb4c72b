{# All partitions of a model up to the month run: those that dbt built in earlier runs, and this month's. #}
{% macro history(model_name) -%}
{%- set this_month = ref(model_name) -%}
{%- if not execute -%}{{ return(this_month) }}{%- endif -%}
{%- set files = partition_files(this_month.schema, this_month.identifier) -%}
{{ return("read_parquet(['" ~ files | join("', '") ~ "'], hive_partitioning = false)" if files else this_month) }}
{%- endmacro %}
{# Paths of a model's partitions up to the month run, the earliest first; names may be patterns. #}
{% macro partition_files(layer, name) -%}
{%- set found = run_query(
    "select file from glob('" ~ partition_path(layer, name, '*') ~ "/*.parquet') "
    ~ "where regexp_extract(file, '/month=([0-9-]+)/', 1) <= '" ~ var('month') ~ "' order by file"
) -%}
{{ return(found.columns[0].values() | map('replace', "'", "''") | list) }}
{%- endmacro %}
{# Where a model's partition lies. #}
{% macro partition_path(layer, name, month) -%}
{{ return(adapter.external_root() ~ '/' ~ layer ~ '/' ~ name ~ '/month=' ~ month) }}
{%- endmacro %}
{# Make a relation show the month's partition. #}
{% macro show_partition(relation) -%}
create or replace view {{ relation }} as
select *
from read_parquet('{{ partition_path(relation.schema, relation.identifier, var("month")) }}/*.parquet', hive_partitioning = false)
{%- endmacro %}
