"""Data-quality checks: dataset contracts and rules (YAML), and the adapter that lets Great Expectations judge them.

One YAML per dataset holds two halves. ``dataset``, ``columns`` and ``layouts`` say how a submission is read and are the
business of ``kenpo_pipelines.submissions.contract``; ``rules`` and ``completeness`` say what must be true of the rows that
were loaded and are the business of this package:

- ``suite``: the rules as data; ``dbt_tests``: the same rules out of dbt's ``schema.yml``;
- ``adapter``: judges rules on a relation by Great Expectations, on DuckDB (``gx_engine``) or Spark (``gx_spark``); only these,
  ``gx_common`` and ``gx_pages`` import it;
- ``spark_rules``: which rules Spark can judge, told when they are loaded;
- ``completeness``: which branches are there;
- ``checks``: verdicts as Dagster asset checks; ``data_docs``: the same as pages, from counts alone.
"""
