"""Great Expectations on an open DuckDB connection; it takes seconds to import, so import this module inside functions.

What lives here: one GX validation of many rules on one view, silent and without files, telemetry or progress bars. What does
not: what a result means (``adapter``), the same on Spark (``gx_spark``).

GX has no DuckDB backend. It runs on the SQLAlchemy dialect of duckdb-engine, with two differences that this module makes up
for: GX gives its connection back to the pool before it fetches, which loses DuckDB's result, so one connection is kept
open; and the relation lives in the caller's in-memory database, so that connection is the caller's own, and neither closed
nor committed here.
"""

import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, ClassVar, Literal

import duckdb
import sqlalchemy
from duckdb_engine import ConnectionWrapper
from great_expectations.datasource.fluent.sql_datasource import SQLDatasource
from great_expectations.exceptions.exceptions import GreatExpectationsError
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine

from expectations.fault_rows import sql_for_gx
from expectations.gx_common import COUNTS_ONLY, NAME, context, position, suite_of
from expectations.gx_result import GxResult, Refused, read
from expectations.suite import Rule
from resources.duckdb_engine import DuckDBSession

_DUCKDB_ERROR = re.compile(r"\(_?duckdb(?:\.duckdb)?\.(\w+)\)")


class _BorrowedConnection(ConnectionWrapper):
    """The caller's connection as a DBAPI connection: its transactions and its end stay the caller's business."""

    def begin(self) -> None: ...

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None: ...


class _OpenConnectionEngine(SqlAlchemyExecutionEngine):
    """Keeps its connection, so that a result can still be fetched after the call that made it."""

    @contextmanager
    def get_connection(self) -> Generator[sqlalchemy.Connection, None, None]:
        if self._connection is None:
            self._connection = self.engine.connect()
        yield self._connection

    def hand_back(self) -> None:
        """Let go of the caller's connection: the next statement asks for another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self.engine.dispose()


class BorrowedDuckDBDatasource(SQLDatasource):
    """A GX data source whose engine keeps its connection.

    GX makes ``data_sources.add_duckdb_borrowed`` of ``type``, and only for a class whose name begins with no underscore.
    """

    type: Literal["duckdb_borrowed"] = "duckdb_borrowed"  # type: ignore[assignment]
    execution_engine_override: ClassVar[Any] = _OpenConnectionEngine


class _Lent:
    """The caller's connection while one validation runs; ``quiet.silence`` lets one run at a time."""

    connection: duckdb.DuckDBPyConnection | None = None


def _lend() -> _BorrowedConnection:
    assert _Lent.connection is not None
    return _BorrowedConnection(_Lent.connection)


@lru_cache(maxsize=1)
def _source() -> Any:
    """The one data source of the process: making it costs more than most validations."""
    return context().data_sources.add_duckdb_borrowed(
        name=f"{NAME} on DuckDB",
        connection_string="duckdb:///:memory:",
        kwargs={"creator": _lend, "poolclass": sqlalchemy.StaticPool},
    )


@lru_cache(maxsize=1)
def _rows_of(view: str) -> Any:
    return _source().add_table_asset(view, table_name=view).add_batch_definition_whole_table(NAME)


@contextmanager
def _batch(connection: duckdb.DuckDBPyConnection, view: str) -> Iterator[Any]:
    """Yield the rows of a view as GX knows them. Of one relation nothing is remembered for the next."""
    _Lent.connection = connection
    try:
        yield _rows_of(view).get_batch()
    finally:
        _source().get_execution_engine().hand_back()
        _Lent.connection = None


def run(session: DuckDBSession, view: str, rules: Mapping[int, Rule]) -> dict[int, GxResult]:
    """Judge rules on a view of the session, all in one GX validation; results by the rules' positions.

    GX is asked for counts only: no value of a row is fetched into a result. Raises :class:`Refused` when GX gives up.
    """
    suite, refused = suite_of(rules, _arguments)
    result_format = {
        **COUNTS_ONLY,
        "return_unexpected_index_query": True,
        "unexpected_index_column_names": list(session.columns(view)),
    }
    try:
        with _batch(session.connection, view) as batch:
            validation = batch.validate(suite, result_format=result_format)
    except (GreatExpectationsError, sqlalchemy.exc.SQLAlchemyError, duckdb.Error) as error:
        raise Refused(type(error).__name__) from error
    return refused | {position(result): read(result, _DUCKDB_ERROR) for result in validation.results}


def _arguments(rule: Rule) -> dict[str, Any]:
    return {"unexpected_rows_query": sql_for_gx(rule)} if rule.unexpected_rows is not None else dict(rule.kwargs)
