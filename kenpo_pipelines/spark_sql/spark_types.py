"""Types: what a DuckDB type is called in Spark, so that a value of it is the same value.

What lives here: the table of types and reading a ``data_type`` of ``schema.yml`` by it. What does not: casts (``numbers``).
"""

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from kenpo_pipelines.spark_sql.errors import NoSparkForm

_Kind = exp.DataType.Type

SPARK_TYPES: dict[exp.DType, str] = {
    _Kind.BOOLEAN: "BOOLEAN",
    _Kind.SMALLINT: "SMALLINT",
    _Kind.INT: "INT",
    _Kind.BIGINT: "BIGINT",
    _Kind.INT128: "DECIMAL(38, 0)",
    _Kind.DOUBLE: "DOUBLE",
    _Kind.TEXT: "STRING",
    _Kind.VARCHAR: "STRING",
    _Kind.DATE: "DATE",
    _Kind.VARBINARY: "BINARY",
}
"""DuckDB's types without parameters, and Spark's. DuckDB's HUGEINT reaches 1.7e38; DECIMAL(38, 0) raises from 1e38."""

LARGEST_DECIMAL = 38


def spark_type(data_type: str) -> str:
    """Return Spark's name of a DuckDB type as ``schema.yml`` has it (``decimal(28,10)``, ``varchar``).

    Raises :class:`ValueError` for a type that has no checked form.
    """
    try:
        return spark_name(sqlglot.parse_one(data_type, into=exp.DataType, dialect="duckdb"))
    except (SqlglotError, NoSparkForm) as error:
        raise ValueError(f"type {data_type!r}: {error}") from error


def spark_name(data_type: exp.DataType) -> str:
    """Return Spark's name of a parsed DuckDB type; raise :class:`NoSparkForm`."""
    kind = data_type.this
    if kind == _Kind.DECIMAL:
        return _decimal(data_type)
    if kind == _Kind.STRUCT:
        fields = ", ".join(_field(one) for one in data_type.expressions)
        return f"STRUCT<{fields}>"
    if kind in (_Kind.ARRAY, _Kind.LIST) and len(data_type.expressions) == 1 and not data_type.args.get("values"):
        return f"ARRAY<{spark_name(data_type.expressions[0])}>"
    if kind in SPARK_TYPES and not data_type.expressions:
        return SPARK_TYPES[kind]
    raise NoSparkForm(f"type {data_type.sql('duckdb')}")


def _decimal(data_type: exp.DataType) -> str:
    if len(data_type.expressions) != 2:
        raise NoSparkForm(f"type {data_type.sql('duckdb')}: say its width and scale")
    width, scale = (int(one.name) for one in data_type.expressions)
    if width > LARGEST_DECIMAL:
        raise NoSparkForm(f"type {data_type.sql('duckdb')}")
    return f"DECIMAL({width}, {scale})"


def _field(field: exp.Expression) -> str:
    if not isinstance(field, exp.ColumnDef) or field.kind is None:
        raise NoSparkForm("a struct without names of its fields")
    return f"`{field.name}`: {spark_name(field.kind)}"
