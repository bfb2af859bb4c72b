"""From DuckDB's text to Spark's: parse, rewrite every node by the tables of this package, print.

What lives here: that walk, and the settings of a session in which its result means what the text meant. What does not: the
tables.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.spark import Spark
from sqlglot.errors import SqlglotError
from sqlglot.generators.spark import SparkGenerator

from kenpo_pipelines.spark_sql import structure
from kenpo_pipelines.spark_sql.errors import NoSparkForm, UntranslatableSQL
from kenpo_pipelines.spark_sql.functions import TRANSLATIONS

if TYPE_CHECKING:
    from kenpo_pipelines.models import ModelProject

view_name = structure.view_name

SESSION_SETTINGS: Mapping[str, str] = {
    "spark.sql.ansi.enabled": "true",  # what does not fit raises, as in DuckDB; otherwise it would become null or wrap around
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",  # a product keeps all of its decimals, as in DuckDB, or raises
    # DECIMAL(38, 0) and DECIMAL(28, 10) meet in DECIMAL(38, 10), as in DuckDB; by default they would meet without decimals
    "spark.sql.legacy.decimal.retainFractionDigitsOnTruncate": "true",
    "spark.sql.caseSensitive": "false",
}
"""Settings of a Spark session that the translation counts on."""

_ANY_MONTH = "2000-01"

_SHAPES: Mapping[type[exp.Expression], Callable[..., exp.Expression]] = {
    exp.Column: structure.column,
    exp.Filter: structure.filtered,
    exp.In: structure.membership,
    exp.Join: structure.join,
    exp.Select: structure.select,
    exp.Table: structure.table,
    exp.Window: structure.window,
    exp.WindowSpec: structure.with_parts,
}


def to_spark(sql: str, *, where: str) -> str:
    """Return Spark's form of one query in DuckDB's dialect; ``where`` says whose it is.

    Relations ``layer.name`` become the temp views ``layer__name`` of :func:`view_name`. Raises :class:`UntranslatableSQL` for
    SQL that does not parse, is no query, or has a construct that is not known to mean the same.
    """
    try:
        return _to_spark(sql)
    except NoSparkForm as error:
        raise UntranslatableSQL(where, str(error)) from error


def check_project(project: "ModelProject") -> None:
    """Raise :class:`UntranslatableSQL`, naming the model's file, for the first model that Spark cannot run."""
    for model in project.models:
        to_spark(project.render(model, _ANY_MONTH), where=f"{model.layer}/{model.path.name}")


@lru_cache(maxsize=1024)
def _to_spark(sql: str) -> str:
    try:
        statements = sqlglot.parse(sql, dialect="duckdb")
    except SqlglotError as error:
        raise NoSparkForm(f"this text: {error}") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise NoSparkForm("anything but one query")
    tree: Any = statements[0]
    structure.written_out_windows(tree)
    translated = _translated(tree)
    structure.keep_together(translated)
    written = _Spark().generate(translated, identify=True, comments=False, pretty=True)
    if "${" in written:
        raise NoSparkForm("${, which Spark replaces by a variable")
    return written


def _translated(node: exp.Expression) -> exp.Expression:
    kind = type(node)
    if kind in TRANSLATIONS:
        return TRANSLATIONS[kind](node, _translated)
    if kind in _SHAPES:
        return _SHAPES[kind](node, _translated)
    if kind not in structure.PLAIN:
        raise NoSparkForm(_told(node))
    structure.only(node, structure.PLAIN[kind])
    return structure.with_parts(node, _translated)


def _told(node: exp.Expression) -> str:
    text = node.sql("duckdb")
    shown = text if len(text) <= 60 else f"{text[:57]}…"
    return f"{type(node).__name__.upper()} ({shown})"


class _Spark(Spark):
    """Spark's dialect of sqlglot, for printing what was rewritten already: Spark 4.3 has QUALIFY itself."""

    class Generator(SparkGenerator):
        """Prints selects as they are."""

        TRANSFORMS: ClassVar = {kind: how for kind, how in SparkGenerator.TRANSFORMS.items() if kind is not exp.Select}
