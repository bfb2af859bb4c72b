"""Great Expectations on Spark's own engine; like ``gx_engine`` it takes seconds to import, so import it inside functions.

What lives here: one GX validation of many rules on one view of a Spark session, which computes where the rows are: executors
count, and counts are all that comes back. What does not: what a result means (``adapter``), the same on DuckDB
(``gx_engine``).

GX's engine for Spark is used as it is but for four things: the session is the caller's own; nothing is cached, because the
next step would find the memory taken; of a rule that is SQL, GX would fetch rows at fault beside their number; and of keys of
several columns, GX counts two rows without a value as equal, where SQL does not.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Literal

from great_expectations.datasource.fluent.spark_datasource import SparkDatasource
from great_expectations.exceptions.exceptions import GreatExpectationsError
from great_expectations.execution_engine.sparkdf_execution_engine import SparkDFExecutionEngine
from great_expectations.expectations.expectation import (
    ColumnMapExpectation,
    ColumnPairMapExpectation,
    MulticolumnMapExpectation,
)
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.query_metric_provider import QueryMetricProvider
from great_expectations.expectations.registry import get_expectation_impl
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from expectations.fault_rows import COMPOUND_UNIQUE, at_fault_sql
from expectations.gx_common import COUNTS_ONLY, NAME, context, position, suite_of
from expectations.gx_result import GxResult, Refused, read
from expectations.suite import BATCH, Rule
from kenpo_pipelines.spark_sql import UntranslatableSQL, to_spark
from resources.spark_session import SparkSQLSession

_SPARK_ERROR = re.compile(r"^pyspark\.errors\.exceptions\.\w+\.([A-Za-z]+)", re.MULTILINE)
_ROWS = "batch_rows"
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
        yield _rows_of_a_frame().get_batch({"dataframe": session.dataframe(view)})
    finally:
        _Lent.engine = None
        session.spark.catalog.dropTempView(_GX_VIEW)


def run(session: SparkSQLSession, view: str, rules: Mapping[int, Rule]) -> dict[int, GxResult]:
    """Judge rules on a view of the session, all in one GX validation; results by the rules' positions.

    GX is asked for counts only: no value of a row comes to this process. Raises :class:`Refused` when GX gives up.
    """
    suite, refused = suite_of(rules, _arguments)
    try:
        with _batch(session, view) as batch:
            validation = batch.validate(suite, result_format=COUNTS_ONLY)
    except (GreatExpectationsError, PySparkException) as error:
        raise Refused(type(error).__name__) from error
    return refused | {position(result): read(result, _SPARK_ERROR) for result in validation.results}


def _arguments(rule: Rule) -> dict[str, Any]:
    if rule.unexpected_rows is not None:
        return {"unexpected_rows_query": _sql_for_gx(rule)}
    if _is_about_rows(rule) and at_fault_sql(rule) is None:
        # what is at fault would be a number without branch and file, which is another result than DuckDB's
        raise Refused(
            f"on Spark, rows at fault of {rule.expectation} with these arguments cannot be named: write it as SQL"
        )
    if rule.expectation == COMPOUND_UNIQUE:
        return {**rule.kwargs, "ignore_row_if": "any_value_is_missing"}
    return dict(rule.kwargs)


def _is_about_rows(rule: Rule) -> bool:
    kind = get_expectation_impl(str(rule.expectation))
    return issubclass(kind, ColumnMapExpectation | ColumnPairMapExpectation | MulticolumnMapExpectation)


def _sql_for_gx(rule: Rule) -> str:
    """Return the rule's SQL in Spark's form as GX wants it: selecting from its ``{batch}``, every other brace doubled."""
    sql = str(rule.unexpected_rows).strip().rstrip(";").replace(BATCH, _ROWS)
    try:
        body = to_spark(sql, where=f"rule {rule.id}").replace("{", "{{").replace("}", "}}")
    except UntranslatableSQL as error:
        raise Refused(str(error)) from error
    return f"WITH {_ROWS} AS (SELECT * FROM {BATCH}) SELECT * FROM (\n{body}\n) AS faults"
