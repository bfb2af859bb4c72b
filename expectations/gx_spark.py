"""Great Expectations on Spark's own engine; like ``gx_engine`` it takes seconds to import, so import it inside functions.

What lives here: one GX validation of many rules on one view of a Spark session, which computes where the rows are: executors
count, and counts are all that comes back. What does not: what a result means (``adapter``), the same on DuckDB
(``gx_engine``).

GX's engine for Spark is used as it is, over Spark Connect too, but for four things: the session is the caller's own; nothing
is cached, because the next step would find the memory taken; of a rule that is SQL, GX would fetch rows at fault beside their
number; and of keys of several columns, GX counts two rows without a value as equal, where SQL does not.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Literal

from great_expectations.datasource.fluent.spark_datasource import SparkDatasource
from great_expectations.exceptions.exceptions import GreatExpectationsError
from great_expectations.execution_engine.sparkdf_execution_engine import SparkDFExecutionEngine
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.query_metric_provider import QueryMetricProvider
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql.connect.session import SparkSession as ConnectSession

from expectations.fault_rows import COMPOUND_UNIQUE
from expectations.gx_common import COUNTS_ONLY, NAME, context, position, suite_of
from expectations.gx_result import GxResult, Refused, read
from expectations.spark_rules import ROWS, check_rule, sql_for_spark
from expectations.suite import BATCH, Rule
from kenpo_pipelines.spark_sql import UntranslatableSQL
from resources.spark_session import SparkSQLSession

_ONLY_COUNTS = {**COUNTS_ONLY, "return_unexpected_index_query": False}
_SPEAKS_CONNECT = "SPARK_CONNECT_MODE_ENABLED"
"""Environment variable by which pyspark's functions know what columns are to be made of."""

_SPARK_ERROR = re.compile(r"^pyspark\.errors\.exceptions\.\w+\.([A-Za-z]+)", re.MULTILINE)
_GX_VIEW = "tmp_view"
"""Temporary view that GX makes of the rows for rules that are SQL, and leaves behind."""


class LentSparkEngine(SparkDFExecutionEngine):
    """GX's engine, with a name of its own that metrics can be registered for."""


class NoRowsAtFault(QueryMetricProvider):
    """In place of the rows at fault of a rule that is SQL: GX asks for them always, and shows none where counts were asked."""

    metric_name = "unexpected_rows_query.table"
    value_keys = ("unexpected_rows_query",)

    @metric_value(engine=LentSparkEngine)
    def _spark(cls, **_: Any) -> list[dict[str, Any]]:  # noqa: N805 (GX calls it with the class)
        return []


class _Lent:
    """The caller's session as GX knows it, while one validation runs; ``quiet.silence`` lets one run at a time."""

    engine: LentSparkEngine | None = None


class LentSparkDatasource(SparkDatasource):
    """A GX data source on the session of the caller, where GX would look for one of its own or start it.

    GX makes ``data_sources.add_spark_lent`` of ``type``, and only for a class whose name begins with no underscore.
    """

    type: Literal["spark_lent"] = "spark_lent"  # type: ignore[assignment]

    def get_spark(self) -> SparkSession:
        """Return the caller's session."""
        spark: SparkSession = self.get_execution_engine().spark
        return spark

    def get_execution_engine(self) -> LentSparkEngine:
        """Return the engine of the validation that runs."""
        assert _Lent.engine is not None
        return _Lent.engine


@lru_cache(maxsize=1)
def _rows_of_a_frame() -> Any:
    source = context().data_sources.add_spark_lent(name=f"{NAME} on Spark", persist=False)
    return source.add_dataframe_asset(NAME).add_batch_definition_whole_dataframe(NAME)


@contextmanager
def _batch(session: SparkSQLSession, view: str) -> Iterator[Any]:
    """Yield the rows of a view as GX knows them. Nothing stays: no view of GX's, no rows in memory."""
    _Lent.engine = LentSparkEngine(spark=session.spark, persist=False)
    try:
        with _columns_of(session.spark):
            yield _rows_of_a_frame().get_batch({"dataframe": session.dataframe(view)})
    finally:
        _Lent.engine = None
        session.spark.catalog.dropTempView(_GX_VIEW)


@contextmanager
def _columns_of(spark: object) -> Iterator[None]:
    """Have pyspark's functions, which GX calls, make columns for a session of Spark Connect where this is one.

    pyspark's own builder says so for good, and a process could not start a Spark of its own any more.
    """
    before = os.environ.get(_SPEAKS_CONNECT)
    if isinstance(spark, ConnectSession):
        os.environ[_SPEAKS_CONNECT] = "1"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_SPEAKS_CONNECT, None)


def run(session: SparkSQLSession, view: str, rules: Mapping[int, Rule]) -> dict[int, GxResult]:
    """Judge rules on a view of the session, all in one GX validation; results by the rules' positions.

    GX is asked for counts only: no value of a row comes to this process. Raises :class:`Refused` when GX gives up.
    """
    suite, refused = suite_of(rules, _arguments)
    try:
        with _batch(session, view) as batch:
            validation = batch.validate(suite, result_format=_ONLY_COUNTS)
    except (GreatExpectationsError, PySparkException) as error:
        raise Refused(type(error).__name__) from error
    return refused | {position(result): read(result, _SPARK_ERROR) for result in validation.results}


def _arguments(rule: Rule) -> dict[str, Any]:
    where = f"rule {rule.id}"
    try:
        check_rule(rule, where)
        if rule.unexpected_rows is not None:
            return {"unexpected_rows_query": _sql_for_gx(sql_for_spark(rule, where))}
    except UntranslatableSQL as error:
        raise Refused(str(error)) from error
    if rule.expectation == COMPOUND_UNIQUE:
        return {**rule.kwargs, "ignore_row_if": "any_value_is_missing"}
    return dict(rule.kwargs)


def _sql_for_gx(sql: str) -> str:
    """Return SQL as GX wants it: selecting from its ``{batch}``, every other brace doubled."""
    body = sql.replace("{", "{{").replace("}", "}}")
    return f"WITH {ROWS} AS (SELECT * FROM {BATCH}) SELECT * FROM (\n{body}\n) AS faults"
