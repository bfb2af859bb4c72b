"""One select on DuckDB and on Spark over the same tables, and what differs.

What lives here: giving both the tables, running both, comparing rows as multisets and types with what was promised. What does
not: which tables (``edge_inputs``, ``test_model_equality``).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from kenpo_pipelines.models import Model, ModelProject, Relation
from kenpo_pipelines.spark_sql import spark_type, to_spark, view_name
from resources.duckdb_engine import DuckDBEngine
from resources.spark_files import struct_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Tables = Mapping[str, pa.Table]
"""Tables by the name that SQL has for them: ``layer.name`` or ``layer_history.name``."""

UNCOMPILED = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.shuffle.partitions": "1",
}
"""Settings of a session for a few rows: compiling code for each plan takes longer than all of them. The tests of the engine do
compile."""


def compiled_again(sessions: "Iterable[SparkSession]") -> None:
    """Take the settings back: a thread's last session is the one whose settings Spark asks for what has none of its own."""
    for session in sessions:
        for name in UNCOMPILED:
            session.conf.unset(name)


class Both:
    """The same tables on both engines, given once; models are compared one after the other."""

    def __init__(
        self, spark: "SparkSession", duck: duckdb.DuckDBPyConnection, project: ModelProject, month: str
    ) -> None:
        self._spark, self._duck, self._project, self._month = spark, duck, project, month

    def differences(self, name: str) -> tuple[int, str]:
        """Run a model on both engines; return DuckDB's number of rows and what differs, empty when nothing does."""
        model = self._project.model(name)
        sql = self._project.render(model, self._month)
        expected = rows_of(self._duck.execute(sql).fetchall())
        found = self._spark.sql(to_spark(sql, where=name))
        promised = [(column.name, _plain(spark_type(column.data_type))) for column in model.columns]
        types = [(field.name, field.dataType.simpleString()) for field in found.schema.fields]
        if types != promised:
            return len(expected), f"types: {[pair for pair in zip(types, promised, strict=True) if pair[0] != pair[1]]}"
        return len(expected), told(expected, rows_of(found.collect()))


@contextmanager
def both_with(spark: "SparkSession", project: ModelProject, month: str, tables: Tables) -> Iterator[Both]:
    """Both engines with these tables; on Spark they are temp views of the session."""
    give(spark, tables)
    with duckdb.connect(config={"threads": 1}) as duck:
        _give_duckdb(duck, tables)
        yield Both(spark, duck, project, month)


def inputs_in(engine: DuckDBEngine, models: Iterable[Model], month: str) -> dict[str, pa.Table]:
    """Read all that the models read for the month: the partitions as DuckDB made them, views through their inputs."""
    wanted: dict[str, tuple[Relation, list[str]]] = {}
    for model in models:
        wanted |= {one.sql_name: (one, [month]) for one in model.inputs}
        wanted |= {one.history_sql_name: (one, engine.months_up_to(one, month)) for one in model.history}
    tables = {}
    with engine.session() as session:
        for sql_name, (relation, months) in wanted.items():
            attached = session.attach(relation, months)
            tables[sql_name] = session.connection.execute(f"select * from {attached}").to_arrow_table()
    return tables


def told(expected: Counter[Any], found: Counter[Any]) -> str:
    """Say what one engine has and the other has not; empty when they agree."""
    if expected == found:
        return ""
    lacking, more = list((expected - found).items()), list((found - expected).items())
    return f"only on DuckDB {len(lacking)}: {lacking[:2]}; only on Spark {len(more)}: {more[:2]}"


def on_duckdb(sql: str, tables: Tables) -> Counter[Any]:
    """Return the rows of a select, each with how often it is there."""
    with duckdb.connect(config={"threads": 1}) as connection:
        _give_duckdb(connection, tables)
        return rows_of(connection.execute(sql).fetchall())


def _give_duckdb(connection: duckdb.DuckDBPyConnection, tables: Tables) -> None:
    for sql_name, table in tables.items():
        layer = sql_name.rpartition(".")[0]
        if layer:
            connection.execute(f'create schema if not exists "{layer}"')
        connection.register("given", table)
        connection.execute(f"create table {sql_name} as select * from given")
        connection.unregister("given")


def give(spark: "SparkSession", tables: Tables) -> None:
    """Make the tables temp views under the names that the rewritten SQL has for them."""
    for sql_name, table in tables.items():
        spark.createDataFrame(table.replace_schema_metadata(), struct_of(table.schema)).createOrReplaceTempView(
            view_name(sql_name)
        )


def rows_of(rows: Any) -> Counter[Any]:
    """Count rows; bytes are bytes whatever the engine calls them, and a number is of its kind."""
    return Counter(tuple(_exact(value) for value in row) for row in rows)


def _exact(value: Any) -> Any:
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        # its width and decimals are in its type (HUGEINT is a decimal in Spark); equal numbers of any scale are equal keys
        return "number", Decimal(value)
    if isinstance(value, float):
        return "float", str(
            value + 0.0
        )  # -0.0 and 0.0 are one number in SQL; which one a rounding gives is the engine's own
    # 1 and True are equal in Python
    return value if value is None or isinstance(value, str) else (type(value).__name__, str(value))


def _plain(kind: str) -> str:
    return kind.lower().replace(" ", "")
