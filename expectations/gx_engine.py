"""Great Expectations on an open DuckDB connection; it takes seconds to import, so import this module inside functions.

What lives here: one GX validation of many expectations on one relation, silent and without files, telemetry or progress
bars. What does not: what a result means (``adapter``).

GX has no DuckDB backend. It runs on the SQLAlchemy dialect of duckdb-engine, with two differences that this module makes up
for: GX gives its connection back to the pool before it fetches, which loses DuckDB's result, so one connection is kept
open; and the relation lives in the caller's in-memory database, so that connection is the caller's own, and neither closed
nor committed here.
"""

import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Literal

import duckdb
import great_expectations as gx
import sqlalchemy
from duckdb_engine import ConnectionWrapper
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.datasource.fluent.sql_datasource import SQLDatasource
from great_expectations.exceptions.exceptions import GreatExpectationsError
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

_NAME = "checked"
_DUCKDB_ERROR = re.compile(r"\(_?duckdb(?:\.duckdb)?\.(\w+)\)")
_LAST_ERROR = re.compile(r"^(?:\w+\.)*(\w+)(?::.*)?\Z", re.MULTILINE)
_SQL_EXPECTATION = "unexpected_rows_expectation"


class Refused(Exception):
    """GX does not know an expectation, does not take its arguments, or gave up; the message is the exception's type."""


@dataclass(frozen=True)
class GxResult:
    """What GX says of one expectation; ``fault_rows_sql`` selects the rows at fault where GX can express that."""

    success: bool
    is_raised: bool
    unexpected_rows: int | None = None
    fault_rows_sql: str | None = None
    exception_type: str = ""


def raised(exception_type: str) -> GxResult:
    """Return the result of an expectation that could not be judged."""
    return GxResult(success=False, is_raised=True, exception_type=exception_type)


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
    """The one context of the process, with its data source: making them costs more than most validations."""
    context = gx.get_context(mode="ephemeral")
    context.enable_analytics(False)
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context.data_sources.add_duckdb_borrowed(
        name=_NAME,
        connection_string="duckdb:///:memory:",
        kwargs={"creator": _lend, "poolclass": sqlalchemy.StaticPool},
    )


@lru_cache(maxsize=1)
def _rows_of(view: str) -> Any:
    return _source().add_table_asset(view, table_name=view).add_batch_definition_whole_table(_NAME)


@contextmanager
def _batch(connection: duckdb.DuckDBPyConnection, view: str) -> Iterator[Any]:
    """Yield the rows of a view as GX knows them. Of one relation nothing is remembered for the next."""
    _Lent.connection = connection
    try:
        yield _rows_of(view).get_batch()
    finally:
        _source().get_execution_engine().hand_back()
        _Lent.connection = None


def run(
    connection: duckdb.DuckDBPyConnection, view: str, expectations: Sequence[tuple[str, str, dict[str, Any]]]
) -> dict[str, GxResult]:
    """Judge (key, expectation type, arguments) on a view of the connection, all in one GX validation; results by key.

    GX is asked for counts only: no value of a row is fetched into a result. Raises :class:`Refused`.
    """
    try:
        built = [
            ExpectationConfiguration(type=kind, kwargs=kwargs, meta={"key": key}).to_domain_obj()
            for key, kind, kwargs in expectations
        ]
    except (GreatExpectationsError, ValueError, TypeError) as error:
        raise Refused(type(error).__name__) from error
    try:
        return _validation(connection, view, built)
    except (GreatExpectationsError, sqlalchemy.exc.SQLAlchemyError, duckdb.Error) as error:
        raise Refused(type(error).__name__) from error


def _validation(connection: duckdb.DuckDBPyConnection, view: str, built: list[Any]) -> dict[str, GxResult]:
    columns = [str(row[0]) for row in connection.execute(f'DESCRIBE "{view}"').fetchall()]
    suite = gx.ExpectationSuite(name=_NAME, expectations=built)
    with _batch(connection, view) as batch:
        validation = batch.validate(
            suite,
            result_format={
                "result_format": "BASIC",
                "partial_unexpected_count": 0,
                "return_unexpected_index_query": True,
                "unexpected_index_column_names": columns,
            },
        )
    return {result.expectation_config.meta["key"]: _read(result) for result in validation.results}


def _read(result: Any) -> GxResult:
    trouble = _exception_info(result.exception_info or {})
    if trouble is not None:
        return raised(trouble)
    details = result.result
    # Of a statistic (a sum, a maximum) the observed value is no count, and may be personal: it is not read.
    is_sql = result.expectation_config.type == _SQL_EXPECTATION
    count = details.get("observed_value") if is_sql else details.get("unexpected_count")
    query = details.get("unexpected_index_query")
    return GxResult(
        success=bool(result.success),
        is_raised=False,
        unexpected_rows=int(count) if isinstance(count, int) else None,
        fault_rows_sql=query.rstrip("; \n") if isinstance(query, str) else None,
    )


def _exception_info(info: dict[str, Any]) -> str | None:
    """Return the type of the first exception, or None. Its text is left out: the engine quotes values in it."""
    entries = [info] if "raised_exception" in info else [entry for entry in info.values() if isinstance(entry, dict)]
    for entry in entries:
        if entry.get("raised_exception"):
            trace = str(entry.get("exception_traceback") or "")
            found = _DUCKDB_ERROR.search(trace) or _LAST_ERROR.search(trace)
            return found[1] if found else "an exception"
    return None
