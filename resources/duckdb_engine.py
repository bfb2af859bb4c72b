"""DuckDB as the engine: in memory, in this process, over the lake's files.

What lives here: sessions with bounded memory, views over Parquet files, writing a partition. What does not: anything that
another engine does alike (``engine``).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from kenpo_pipelines.lake import Lake
from kenpo_pipelines.lake.base import COMPRESSION, ROW_GROUP
from kenpo_pipelines.models import Model, ModelProject, Relation
from resources.engine import Engine, ModelContractError, canonical_type, check_contract
from resources.session import Session, SessionError

_ABOUT_SQL = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)
"""Errors about the text of the SQL."""

_ABOUT_MACHINE = (duckdb.IOException, duckdb.OutOfMemoryException, duckdb.InterruptException)
"""Errors about files, memory and whoever stopped the work; all others (conversion, out of range) may quote values of rows."""


class DuckDBSession:
    """A session on a DuckDB connection, which stays the caller's to close. Only that of an engine can attach partitions."""

    kind = "duckdb"

    def __init__(self, connection: duckdb.DuckDBPyConnection, engine: Engine | None = None) -> None:
        self.connection = connection
        self._engine = engine

    def attach(self, relation: Relation, months: Sequence[str]) -> str:
        """Make the partitions visible as ``layer.name``; return that name."""
        assert self._engine is not None, "a session on a plain connection has no lake"
        with told():
            return attach(self.connection, self._engine, relation, months)

    def columns(self, relation: str) -> tuple[str, ...]:
        """Names of a relation's columns, in order."""
        with told():
            described = self.connection.execute(f"describe select * from {relation}").fetchall()
        return tuple(str(row[0]) for row in described)

    def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a select and return all rows."""
        with told():
            return self.connection.execute(sql).fetchall()

    def name_view(self, name: str, relation: str) -> None:
        """Make a temporary view of the relation."""
        with told():
            self.connection.execute(f"create or replace temp view {_quoted(name)} as select * from {relation}")

    def drop_view(self, name: str) -> None:
        """Drop a temporary view."""
        with told():
            self.connection.execute(f"drop view if exists {_quoted(name)}")


class DuckDBEngine(Engine):
    """Runs models in this process. Every session is a connection of its own.

    Sorts and groups that need more than ``memory`` go to temporary files, so that a month of any size fits a machine with 4 GB.
    The number of ``threads`` changes no byte of a result.
    """

    name = "duckdb"
    code = ("resources/engine.py", "resources/session.py", "resources/duckdb_engine.py")

    def __init__(self, lake: Lake, project: ModelProject, *, threads: int = 2, memory: str = "2GB") -> None:
        super().__init__(lake, project)
        self._config: dict[str, str | bool | int | float | list[str]] = {"threads": threads, "memory_limit": memory}

    @property
    def release(self) -> str:
        """The version of DuckDB."""
        return str(duckdb.__version__)

    @contextmanager
    def session(self) -> Iterator[DuckDBSession]:
        """Open an in-memory connection with bounded memory and settings that make results repeatable."""
        with self.lake.scratch() as folder:
            connection = duckdb.connect(":memory:", config={**self._config, "temp_directory": str(folder)})
            try:
                connection.execute("set preserve_insertion_order = true")
                yield DuckDBSession(connection, self)
            finally:
                connection.close()

    def _is_replaced(self, error: Exception) -> bool:
        return isinstance(error, duckdb.IOException)

    def _may_quote_rows(self, error: Exception) -> bool:
        return may_quote_rows(error)

    def _run(self, session: Session, model: Model, month: str) -> int:
        assert isinstance(session, DuckDBSession)
        connection = session.connection
        _attach_inputs(connection, self, model, month)
        sql = self.project.render(model, month)
        try:
            _check_types(connection, model, sql)
            if model.is_view:
                return _count(connection, f"(\n{sql}\n)")
            with self.lake.replace(model.layer, model.name, month) as folder:
                return _copy(connection, sql, folder / "part-0.parquet")
        except (duckdb.BinderException, duckdb.InvalidInputException, ModelContractError) as error:
            self._explain_foreign_months(model, month, error)
            raise


def may_quote_rows(error: Exception) -> bool:
    """True for errors of DuckDB whose text may hold values of rows."""
    return isinstance(error, duckdb.Error) and not isinstance(error, (*_ABOUT_SQL, *_ABOUT_MACHINE))


def attach(connection: duckdb.DuckDBPyConnection, engine: Engine, relation: Relation, months: Sequence[str]) -> str:
    """Make the partitions of a dataset visible as ``layer.name``, of a view through its inputs; return that name."""
    view = engine.view(relation)
    if view is None:
        _create_view(connection, relation.sql_name, _read_parquet(engine, relation, months))
    else:
        (month,) = months
        _attach_inputs(connection, engine, view, month)
        _create_view(connection, relation.sql_name, engine.project.render(view, month))
    return relation.sql_name


def _attach_inputs(connection: duckdb.DuckDBPyConnection, engine: Engine, model: Model, month: str) -> None:
    for relation in model.inputs:
        attach(connection, engine, relation, [month])
    for relation in model.history:
        months = engine.months_up_to(relation, month)
        _create_view(connection, relation.history_sql_name, _read_parquet(engine, relation, months))


def _read_parquet(engine: Engine, relation: Relation, months: Sequence[str]) -> str:
    files = [str(path) for month in months for path in engine.lake.files(relation.layer, relation.name, month)]
    listed = ", ".join(_literal(file) for file in files)
    return f"select * from read_parquet([{listed}], hive_partitioning = false)"


@contextmanager
def told() -> Iterator[None]:
    """Turn DuckDB's errors into the one that every session raises."""
    try:
        yield
    except duckdb.Error as error:
        # a cause is kept in logs with its own words
        raise SessionError.of(error, is_about_sql=isinstance(error, _ABOUT_SQL)) from (
            None if may_quote_rows(error) else error
        )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _create_view(connection: duckdb.DuckDBPyConnection, name: str, sql: str) -> None:
    layer, table = name.split(".")
    connection.execute(f'create schema if not exists "{layer}"')
    connection.execute(f'create or replace view "{layer}"."{table}" as {sql}')


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    counted = connection.execute(f"select count(*) from {relation}").fetchone()
    assert counted is not None
    return int(counted[0])


def _check_types(connection: duckdb.DuckDBPyConnection, model: Model, sql: str) -> None:
    described = connection.execute(f"describe {sql}").fetchall()
    found = [(str(row[0]), str(row[1]).lower()) for row in described]
    check_contract(model, found, [(column.name, canonical_type(column)) for column in model.columns])


def _copy(connection: duckdb.DuckDBPyConnection, sql: str, path: Path) -> int:
    copied = connection.execute(
        f"copy (\n{sql}\n) to {_literal(str(path))} (format parquet, compression {COMPRESSION}, row_group_size {ROW_GROUP})"
    ).fetchone()
    assert copied is not None
    return int(copied[0])
