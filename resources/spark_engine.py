"""Spark as the engine: the same models over the same lake, on as many machines as a month needs.

What lives here: running a model, judging its contract, writing its partition. What does not: what a session is
(``spark_session``), how the SQL is rewritten (``kenpo_pipelines.spark_sql``), where Spark is (``spark_connection``).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp

from kenpo_pipelines.lake import Lake
from kenpo_pipelines.lake.objects import ObjectLake
from kenpo_pipelines.models import DIALECT, Model, ModelProject, Relation
from kenpo_pipelines.spark_sql import spark_type
from resources.engine import Engine, ModelContractError, canonical_type, check_contract, count
from resources.session import Session
from resources.spark_connection import SparkMaster, new_session, release
from resources.spark_errors import may_quote_rows
from resources.spark_files import FolderPartitions
from resources.spark_objects import StoredPartitions
from resources.spark_partitions import Partitions, VersionReplaced
from resources.spark_session import ForeignFiles, SparkSQLSession

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_GONE = ("FILE_NOT_EXIST", "PATH_NOT_FOUND", "FileNotFoundException")


class SparkEngine(Engine):
    """Runs models on Spark. Every session has views of its own; the connection is one per process."""

    name = "spark"
    code = (
        "resources/engine.py",
        "resources/session.py",
        "resources/spark_*.py",
        "kenpo_pipelines/spark_sql/*.py",
    )

    def __init__(self, lake: Lake, project: ModelProject, master: SparkMaster) -> None:
        super().__init__(lake, project)
        self.master = master
        self.partitions: Partitions = (
            StoredPartitions(lake) if isinstance(lake, ObjectLake) and not master.is_local else FolderPartitions(lake)
        )
        """Of a lake in an object store the executors of a cluster read and write the objects themselves. Spark on this machine
        alone reads the copies that are here, like DuckDB: its own reader, which takes the columns that a model needs, of
        files that were fetched once."""

    @property
    def release(self) -> str:
        """The version of pyspark."""
        return release()

    @contextmanager
    def session(self) -> Iterator[SparkSQLSession]:
        """Open a session of this process's connection; the first one starts Spark, which takes seconds."""
        session = SparkSQLSession(new_session(self.master), self, self.partitions, is_remote=self.master.is_connect)
        try:
            yield session
        finally:
            session.close()

    def _is_replaced(self, error: Exception) -> bool:
        return isinstance(error, FileNotFoundError | VersionReplaced) or any(word in str(error) for word in _GONE)

    def _may_quote_rows(self, error: Exception) -> bool:
        return may_quote_rows(error)

    def rows(self, relation: Relation, month: str) -> int:
        """Return the number of rows of a month; of a partition without reading them."""
        if self.view(relation) is None:
            return sum(piece.footer.rows for piece in self.partitions.pieces(relation, [month]))
        return super().rows(relation, month)

    def _columns_of_files(self, relation: Relation, month: str) -> list[list[str]]:
        return [piece.footer.schema.names for piece in self.partitions.pieces(relation, [month])]

    def _run(self, session: Session, model: Model, month: str) -> int:
        assert isinstance(session, SparkSQLSession)
        try:
            session.attach_inputs(model, month)
        except ForeignFiles as error:
            self._explain_foreign_months(model, month, error)
            raise
        sql = self.project.render(model, month)
        try:
            check_contract(
                model, session.described(sql), [(column.name, canonical_type(column)) for column in model.columns]
            )
        except Exception as error:
            self._explain_foreign_months(model, month, error)
            raise
        if model.is_view:
            return count(session, f"(\n{sql}\n)")
        rows = _as_promised(session.select(_in_total_order(sql, model), model.path.name), model)
        return self.partitions.write(rows, model, month)


def _in_total_order(sql: str, model: Model) -> str:
    """Return the select with every column at the end of its order: rows that the model's own order leaves side by side would
    come in another order each time."""
    tree = sqlglot.parse_one(sql, dialect=DIALECT)
    if tree.args.get("limit") or tree.args.get("offset"):
        return sql
    order = tree.args.get("order")
    named = {one.this.name for one in order.expressions if isinstance(one.this, exp.Column)} if order else set()
    rest = ", ".join(f'"{column.name}"' for column in model.columns if column.name not in named)
    if not rest:
        return sql
    # the text is added to, not printed anew: sqlglot's own spelling of DuckDB's functions is not the one that was checked
    return f"{sql}\n, {rest}" if order else f"{sql}\norder by {rest}"


def _as_promised(rows: "DataFrame", model: Model) -> "DataFrame":
    """Return the rows with the types of schema.yml, which DuckDB has found to be those of the SQL.

    Spark's own may be narrower or wider, such as decimals of other widths. A cast that does not fit raises while it runs; one
    that would round silently is refused here.
    """
    if list(rows.columns) != [column.name for column in model.columns]:
        raise ModelContractError(f"{model.path.name}: Spark names the columns {rows.columns}")
    columns = []
    for field, column in zip(rows.schema.fields, model.columns, strict=True):
        wanted = spark_type(canonical_type(column))
        found = field.dataType.simpleString()
        if found == _plain(wanted):
            columns.append(rows[f"`{column.name}`"])
        elif _keeps_values(found, _plain(wanted)):
            columns.append(rows[f"`{column.name}`"].cast(wanted).alias(column.name))
        else:
            raise ModelContractError(
                f"{model.path.name}: {column.name} is {column.data_type} in DuckDB and {found} in Spark: cast it"
            )
    return rows.select(*columns)


def _plain(kind: str) -> str:
    return kind.lower().replace(" ", "").replace("`", "")


_INTEGERS = ("tinyint", "smallint", "int", "bigint")


def _keeps_values(found: str, wanted: str) -> bool:
    """True where a cast between the types either keeps a value as it is or raises."""
    if found == "void":
        return True  # a column of nulls
    if found in _INTEGERS:
        return wanted in _INTEGERS or wanted.startswith("decimal")
    if found.startswith("decimal") and wanted.startswith("decimal"):
        return _scale(found) <= _scale(wanted)
    return found.startswith("decimal") and wanted in _INTEGERS and _scale(found) == 0


def _scale(decimal: str) -> int:
    return int(decimal.rstrip(")").rpartition(",")[2])
