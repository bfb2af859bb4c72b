"""Days and months: as text, apart from each other, so many later.

What lives here: the Spark form of each function, and of ``+`` and ``-``, which may be about days. What does not: days as a
type (``spark_types``).
"""

from sqlglot import exp

from kenpo_pipelines.spark_sql.arguments import nothing_else, written_text
from kenpo_pipelines.spark_sql.errors import NoSparkForm
from kenpo_pipelines.spark_sql.kinds import Kind, kind_of
from kenpo_pipelines.spark_sql.numbers import Translate, as_operand, call, spark_cast

_DAY_FORMATS = {"%Y-%m": "yyyy-MM", "%Y-%m-%d": "yyyy-MM-dd", "%Y": "yyyy", "%m": "MM", "%d": "dd"}
_COMPARED_AS_DAY = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between, exp.TimeToStr, exp.Paren)


def day_text(node: exp.TimeToStr, translate: Translate) -> exp.Expression:
    """``strftime`` with one of a few formats."""
    nothing_else(node, "this", "format")
    written = written_text(node.args.get("format"), "strftime with a format")
    if written not in _DAY_FORMATS:
        raise NoSparkForm(f"strftime with {written!r}; known are {', '.join(_DAY_FORMATS)}")
    return call("DATE_FORMAT", translate(node.this), exp.Literal.string(_DAY_FORMATS[written]))


def days_between(node: exp.DateDiff, translate: Translate) -> exp.Expression:
    """``date_diff('day', …)``: 64 bits, as in DuckDB."""
    nothing_else(node, "this", "expression", "unit", "date_part_boundary")
    if str(node.args.get("unit") or "").upper() != "DAY":
        raise NoSparkForm("date_diff of anything but 'day'")
    days = call("DATEDIFF", translate(node.this), translate(node.expression))
    return spark_cast(days, "BIGINT")


def sum_or_difference(node: exp.Binary, translate: Translate) -> exp.Expression:
    """``+`` and ``-``. A day with an interval is a point in time in DuckDB and a day in Spark: they compare alike."""
    interval = node.expression
    is_interval = isinstance(interval, exp.Interval) or _is_months(interval)
    if is_interval and not isinstance(node.parent, _COMPARED_AS_DAY):
        raise NoSparkForm("a day with an interval that is neither compared nor printed by strftime")
    if Kind.DATE in (kind_of(node.this), kind_of(interval)) and not is_interval:
        raise NoSparkForm("a day ± a number or day: use date_diff('day', …) or an interval")
    if is_interval and _is_months(interval):
        months = translate(interval.expressions[0])
        months = exp.Neg(this=as_operand(months)) if isinstance(node, exp.Sub) else months
        return call("ADD_MONTHS", translate(node.this), months)
    kind = exp.Add if isinstance(node, exp.Add) else exp.Sub
    return kind(this=translate(node.this), expression=translate(interval))


def _is_months(node: exp.Expression) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.lower() == "to_months" and len(node.expressions) == 1


def interval(node: exp.Interval, translate: Translate) -> exp.Expression:
    """An interval of days, months or years."""
    unit = str(node.args.get("unit") or "").upper()
    if unit not in ("DAY", "MONTH", "YEAR") or not isinstance(node.this, exp.Literal) or not node.name.isdigit():
        raise NoSparkForm("an interval that is not a number of days, months or years")
    return exp.Interval(this=exp.Literal.string(node.name), unit=exp.var(unit))
