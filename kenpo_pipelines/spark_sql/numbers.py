"""Integers, decimals and doubles: casts and divisions in which the two engines differ.

What lives here: the Spark form of such a node. What does not: plain sums and products: with DECIMAL(38, 0) for HUGEINT and
``allowPrecisionLoss`` off they have the same result type in both, and both raise where a number does not fit.

Differences, each compared on both engines: Spark's ``DIV`` of decimals wraps around without a word beyond 64 bits; a cast of a
decimal to an integer cuts off in Spark and rounds half-up in DuckDB; SIGN gives a double in Spark; a division by zero raises in
Spark and is null (``//``, ``%``) or infinite (``/``) in DuckDB; a double is rounded by its printed digits in Spark.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import sqlglot
from sqlglot import exp

from kenpo_pipelines.spark_sql.errors import NoSparkForm
from kenpo_pipelines.spark_sql.kinds import Kind, kind_of
from kenpo_pipelines.spark_sql.spark_types import SPARK_TYPES, spark_name

Translate = Callable[[exp.Expression], exp.Expression]

_Kind = exp.DataType.Type
_INTEGERS = (_Kind.SMALLINT, _Kind.INT, _Kind.BIGINT)
_WHOLE = SPARK_TYPES[_Kind.INT128]
_INTEGER_TYPE = "(tinyint|smallint|int|bigint|decimal.[0-9]+,0.)"

# Long division of 38 digits by 38 in two halves of at most 20, for Spark's own quotient of such decimals keeps 18 decimals and
# so holds no more than 20 digits before them. The two operands are bound once each, in a list of one. DuckDB's // of decimals
# is a division of doubles; one with decimals is no integer division and raises.
_QUOTIENT = f"""
GET(TRANSFORM(TRANSFORM(
    ARRAY(NAMED_STRUCT('a', __upper, 'b', __lower)),
    x -> NAMED_STRUCT(
        'h', CAST((CAST(x.a AS {_WHOLE}) - CAST(x.a AS {_WHOLE}) % 1000000000000000000) / 1000000000000000000 AS {_WHOLE}),
        'l', CAST(x.a AS {_WHOLE}) % 1000000000000000000,
        'b', IF(
            CONCAT(TYPEOF(x.a), ' ', TYPEOF(x.b)) RLIKE '^{_INTEGER_TYPE} {_INTEGER_TYPE}$',
            NULLIF(CAST(x.b AS {_WHOLE}), 0),
            CAST(RAISE_ERROR('// of numbers that are no integers') AS {_WHOLE})
        )
    )),
    y -> CAST((y.h - y.h % y.b) / y.b AS {_WHOLE}) * 1000000000000000000
        + CAST(((y.h % y.b) * 1000000000000000000 + y.l - ((y.h % y.b) * 1000000000000000000 + y.l) % y.b) / y.b AS {_WHOLE})
), 0)
"""


@lru_cache(maxsize=1)
def _quotient() -> Any:
    return sqlglot.parse_one(_QUOTIENT, dialect="spark")


def call(name: str, *arguments: exp.Expression) -> exp.Anonymous:
    """Return a call of one of Spark's functions, printed as it is."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def spark_cast(value: exp.Expression, to: str) -> exp.Cast:
    """Return a cast to a type of Spark's."""
    return exp.Cast(this=value, to=exp.DataType.build(to, dialect="spark"))


def number(value: int) -> exp.Literal:
    """Return an integer, 0 or more, as SQL."""
    return exp.Literal(this=str(value), is_string=False)


def as_operand(value: exp.Expression) -> exp.Expression:
    """Return the expression in brackets where it would otherwise fall apart beside an operator."""
    is_whole = isinstance(value, exp.Column | exp.Literal | exp.Func | exp.Paren | exp.Cast)
    return value if is_whole else exp.Paren(this=value)


def integer_division(node: exp.IntDiv, translate: Translate) -> exp.Expression:
    """``//``: exact, towards zero, null where the lower number is 0."""
    kinds = {kind_of(node.this), kind_of(node.expression)}
    if kinds & {Kind.DOUBLE, Kind.DECIMAL, Kind.TEXT, Kind.DATE, Kind.BOOLEAN}:
        raise NoSparkForm("// of numbers that are no integers: DuckDB divides them as doubles; cast both to hugeint")
    upper, lower = translate(node.this), translate(node.expression)
    if kinds == {Kind.INTEGER}:
        return exp.Paren(this=exp.IntDiv(this=as_operand(upper), expression=_not_zero(lower)))
    parts = {"__upper": upper, "__lower": lower}
    divided: exp.Expression = _quotient().transform(
        lambda one: parts[one.name] if isinstance(one, exp.Column) and one.name in parts else one
    )
    return divided


def remainder(node: exp.Mod, translate: Translate) -> exp.Expression:
    """``%``: the sign of the upper number, null where the lower one is 0."""
    if Kind.DOUBLE in (kind_of(node.this), kind_of(node.expression)):
        raise NoSparkForm("% of doubles")
    return exp.Mod(this=as_operand(translate(node.this)), expression=_not_zero(translate(node.expression)))


def division(node: exp.Div, translate: Translate) -> exp.Expression:
    """``/``: of doubles, whatever is divided; infinite or not a number where the lower number is 0."""
    upper, lower = (spark_cast(translate(one), "DOUBLE") for one in (node.this, node.expression))
    if isinstance(node.expression, exp.Literal) and not _is_zero(node.expression):
        return exp.Paren(this=exp.Div(this=upper, expression=lower, typed=True))
    infinite = exp.Mul(this=upper.copy(), expression=spark_cast(exp.Literal.string("Infinity"), "DOUBLE"))
    quotient = exp.Div(this=upper, expression=lower, typed=True)
    return exp.Case(ifs=[exp.If(this=exp.EQ(this=lower.copy(), expression=number(0)), true=infinite)], default=quotient)


def cast(node: exp.Cast, translate: Translate) -> exp.Expression:
    """A cast: the value that DuckDB gives, whatever the value was before."""
    kind, to = kind_of(node.this), node.to.this
    value = translate(node.this)
    name = spark_name(node.to)
    if isinstance(node.this, exp.Null):
        return spark_cast(value, name)
    if to in _INTEGERS:
        return spark_cast(_whole(value, kind), name)
    if to in (_Kind.INT128, _Kind.DECIMAL):
        if kind is Kind.DOUBLE:
            raise NoSparkForm("a cast of a double to a decimal: its last digits are the engine's own")
        return spark_cast(value, name)
    if to in (_Kind.TEXT, _Kind.VARCHAR) and kind is Kind.DOUBLE:
        raise NoSparkForm("a cast of a double to text: its digits are the engine's own; round it as a decimal")
    if to == _Kind.BOOLEAN and kind not in (Kind.BOOLEAN, Kind.INTEGER):
        raise NoSparkForm("a cast to boolean of what may be text: compare it with a value instead")
    return spark_cast(value, name)


def _whole(value: exp.Expression, kind: Kind | None) -> exp.Expression:
    """Return what can be cast to an integer by cutting off: a decimal is rounded half-up before, a double half-even."""
    if kind is Kind.INTEGER:
        return value
    if kind is Kind.DOUBLE:
        return call("RINT", value)
    return spark_cast(value, _WHOLE)


def sign(node: exp.Sign, translate: Translate) -> exp.Expression:
    """``sign``: an integer."""

    def compared(operator: type[exp.Binary], then: int) -> exp.If:
        return exp.If(this=operator(this=as_operand(translate(node.this)), expression=number(0)), true=number(then))

    return exp.Case(ifs=[compared(exp.GT, 1), compared(exp.LT, -1), compared(exp.EQ, 0)])


def truncated(node: exp.Trunc, translate: Translate) -> exp.Expression:
    """``trunc``: towards zero, without decimals."""
    if node.args.get("decimals") is not None:
        raise NoSparkForm("trunc to a number of decimals")
    if kind_of(node.this) is Kind.DOUBLE:
        raise NoSparkForm("trunc of a double: cast it to an integer")
    below = exp.LT(this=as_operand(translate(node.this)), expression=number(0))
    return exp.Case(
        ifs=[exp.If(this=below, true=call("CEIL", translate(node.this)))], default=call("FLOOR", translate(node.this))
    )


def rounded(node: exp.Round, translate: Translate) -> exp.Expression:
    """``round``: half away from zero; a double as its product with the power of ten, as DuckDB does."""
    decimals = node.args.get("decimals")
    if decimals is not None and not (isinstance(decimals, exp.Literal) and decimals.name.isdigit()):
        raise NoSparkForm("round to a number of decimals that is not written out")
    if [name for name, value in node.args.items() if value and name not in ("this", "decimals")]:
        raise NoSparkForm("round with an option")
    kind = kind_of(node.this)
    value = translate(node.this)
    if kind is None:
        raise NoSparkForm("round of a value whose type the text does not tell: cast it to a decimal, or divide it")
    places = int(decimals.name) if decimals is not None else 0
    if kind is not Kind.DOUBLE:
        return call("ROUND", value, number(places))
    if not places:
        return call("ROUND", value, number(0))
    power = spark_cast(number(10**places), "DOUBLE")
    scaled = exp.Mul(this=as_operand(value), expression=power)
    return exp.Paren(this=exp.Div(this=call("ROUND", scaled, number(0)), expression=power.copy(), typed=True))


def _not_zero(lower: exp.Expression) -> exp.Expression:
    if isinstance(lower, exp.Literal) and not _is_zero(lower):
        return lower
    return call("NULLIF", lower, number(0))


def _is_zero(literal: exp.Literal) -> bool:
    return not literal.name.strip("0.")
