"""A session on Spark: partitions become temporary views, SQL in DuckDB's dialect is rewritten.

What lives here: the session and the errors that it raises. What does not: running models (``spark_engine``), the connection
(``spark_connection``).

Beside Spark, the session keeps the same relations without rows in DuckDB. What that says of a text of SQL (its columns, their
types, that it makes no sense) is what DuckDB says when it is the engine, and takes no job of Spark.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from kenpo_pipelines.lake import LakeError
from kenpo_pipelines.models import Model, Relation
from kenpo_pipelines.spark_sql import UntranslatableSQL, to_spark, view_name
from resources.duckdb_engine import DuckDBSession, told
from resources.engine import Engine
from resources.session import SessionError
from resources.spark_errors import is_about_sql, may_quote_rows
from resources.spark_partitions import Partitions

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_BYTES_PER_TASK = 16 * 2**20
"""Of compressed Parquet; several times as much in memory."""
_MOST_TASKS = 400
_WHERE = "a query of the project"


class ForeignFiles(LakeError):
    """Months of a dataset have different columns: some were made by another version of the project."""


class SparkSQLSession:
    """A session of Spark with temporary views of its own. Close it to take them back."""

    kind = "spark"

    def __init__(
        self, spark: "SparkSession", engine: Engine, partitions: Partitions, *, is_remote: bool = False
    ) -> None:
        """``is_remote``: the session is one of a Spark Connect server, and over a connection of its own."""
        self.spark = spark
        self._is_remote = is_remote
        self._engine = engine
        self._partitions = partitions
        self._empty = DuckDBSession(duckdb.connect(config={"threads": 1}))
        self._views: set[str] = set()
        self._bytes: dict[str, int] = {}

    def close(self) -> None:
        """Take back all views; of a remote session everything: the server would keep it for an hour."""
        if self._is_remote:
            self.spark.stop()
        else:
            for name in sorted(self._views):
                self.spark.catalog.dropTempView(name)
        self._empty.connection.close()

    @property
    def input_bytes(self) -> int:
        """Size of all files that are attached."""
        return sum(self._bytes.values())

    def attach(self, relation: Relation, months: Sequence[str]) -> str:
        """Make the partitions visible; the returned name is for SQL in DuckDB's dialect, as everywhere."""
        with _told():
            view = self._engine.view(relation)
            if view is None:
                self._attach_files(relation, relation.sql_name, months)
            else:
                (month,) = months
                self.attach_inputs(view, month)
                self._name(relation.sql_name, self._engine.project.render(view, month), str(relation.sql_name))
        return relation.sql_name

    def attach_inputs(self, model: Model, month: str) -> None:
        """Make all visible that the model reads for the month."""
        for relation in model.inputs:
            self.attach(relation, [month])
        for relation in model.history:
            self._attach_files(relation, relation.history_sql_name, self._engine.months_up_to(relation, month))

    def _attach_files(self, relation: Relation, name: str, months: Sequence[str]) -> None:
        pieces = self._partitions.pieces(relation, months)
        schema = pieces[0].footer.schema
        if foreign := [piece.place for piece in pieces if not piece.footer.schema.equals(schema)]:
            raise ForeignFiles(f"{relation.sql_name}: {foreign[0]} has other columns than {pieces[0].place}")
        self._partitions.read(self.spark, pieces, schema).createOrReplaceTempView(view_name(name))
        self._views.add(view_name(name))
        self._bytes[name] = sum(piece.size for piece in pieces)
        self._spread()
        self._create_empty(name, schema)

    def _create_empty(self, name: str, schema: pa.Schema) -> None:
        layer, table = name.split(".")
        connection = self._empty.connection
        connection.execute(f'create schema if not exists "{layer}"')
        connection.register("without_rows", schema.empty_table())
        connection.execute(f'create or replace table "{layer}"."{table}" as select * from without_rows')
        connection.unregister("without_rows")

    def _spread(self) -> None:
        """Tell Spark into how many tasks to spread joins and groups: a small month is slower the more there are."""
        tasks = max(1, min(_MOST_TASKS, -(-self.input_bytes // _BYTES_PER_TASK)))
        self.spark.conf.set("spark.sql.shuffle.partitions", str(tasks))

    def _name(self, name: str, sql: str, where: str) -> None:
        layer, _, table = name.rpartition(".")
        kind = "view" if layer else "temp view"
        quoted = f'"{layer}"."{table}"' if layer else f'"{table}"'
        if layer:
            self._empty.connection.execute(f'create schema if not exists "{layer}"')
        self._empty.connection.execute(f"create or replace {kind} {quoted} as {sql}")
        self.spark.sql(to_spark(sql, where=where)).createOrReplaceTempView(view_name(name))
        self._views.add(view_name(name))

    def described(self, sql: str) -> list[tuple[str, str]]:
        """Return names and types of a select's columns, as DuckDB says them, in small letters."""
        rows = self._empty.connection.execute(f"describe {sql}").fetchall()
        return [(str(row[0]), str(row[1]).lower()) for row in rows]

    def columns(self, relation: str) -> tuple[str, ...]:
        """Names of a relation's columns, in order."""
        return self._empty.columns(relation)

    def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a select and return all rows, in DuckDB's Python types."""
        with _told(), self._partitions.told():
            self._empty.connection.execute(f"explain {sql}")
            return [tuple(map(_plain, row)) for row in self.select(sql, _WHERE).collect()]

    def select(self, sql: str, where: str) -> "DataFrame":
        """Return what a select in DuckDB's dialect gives, not computed yet; ``where`` names it in errors."""
        return self.spark.sql(to_spark(sql, where=where))

    def dataframe(self, relation: str) -> "DataFrame":
        """Return the rows of a relation, not computed yet."""
        with _told():
            return self.select(f"select * from {relation}", _WHERE)

    def name_view(self, name: str, relation: str) -> None:
        """Make a temporary view of the relation."""
        with _told():
            self._name(name, f"select * from {relation}", _WHERE)

    def drop_view(self, name: str) -> None:
        """Drop a temporary view."""
        self._empty.drop_view(name)
        self.spark.catalog.dropTempView(view_name(name))
        self._views.discard(view_name(name))


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, bytearray) else value


@contextmanager
def _told() -> Iterator[None]:
    """Turn errors of Spark, and of DuckDB in its place, into the one that every session raises."""
    from pyspark.errors import PySparkException

    try:
        with told():
            yield
    except UntranslatableSQL as error:
        raise SessionError.of(error, is_about_sql=True) from error
    except PySparkException as error:
        # a cause is kept in logs with its own words
        raise SessionError.of(error, is_about_sql=is_about_sql(error)) from (None if may_quote_rows(error) else error)
