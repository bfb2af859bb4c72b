"""Spark's form of SQL that is written in DuckDB's dialect: models, rules and the project's own queries.

What lives here: rewriting the text, and saying no. What does not: running it (``resources``), pyspark (never imported here).

sqlglot parses and prints. What the two engines do differently is in tables of this package, by kind of node: what means the
same and is printed as it is (``structure``), functions (``functions``), integers and decimals (``numbers``), regular
expressions (``patterns``), types (``spark_types``). All of them are lists of what is allowed and was compared on both engines;
whatever is not in one is refused with its name, never passed on in hope. The meaning holds under :data:`SESSION_SETTINGS`.
"""

from kenpo_pipelines.spark_sql.errors import UntranslatableSQL
from kenpo_pipelines.spark_sql.spark_types import SPARK_TYPES, spark_type
from kenpo_pipelines.spark_sql.translation import SESSION_SETTINGS, check_project, to_spark, view_name

__all__ = [
    "SESSION_SETTINGS",
    "SPARK_TYPES",
    "UntranslatableSQL",
    "check_project",
    "spark_type",
    "to_spark",
    "view_name",
]
