"""What kind of value an expression has, as far as its own text tells.

What lives here: that look, in the parsed SQL of DuckDB before anything is rewritten. What does not: types of columns. They are
not known here, so whatever reads a column is of no known kind, and rewriting must hold for any.
"""

from enum import Enum, auto

from sqlglot import exp

_Kind = exp.DataType.Type


class Kind(Enum):
    """Kinds of value that are written differently for Spark."""

    INTEGER = auto()
    """At most 64 bits in both engines."""
    HUGE = auto()
    """DuckDB's HUGEINT, Spark's DECIMAL(38, 0)."""
    DECIMAL = auto()
    DOUBLE = auto()
    TEXT = auto()
    DATE = auto()
    BOOLEAN = auto()


_OF_TYPE = {
    _Kind.SMALLINT: Kind.INTEGER,
    _Kind.INT: Kind.INTEGER,
    _Kind.BIGINT: Kind.INTEGER,
    _Kind.INT128: Kind.HUGE,
    _Kind.DECIMAL: Kind.DECIMAL,
    _Kind.DOUBLE: Kind.DOUBLE,
    _Kind.TEXT: Kind.TEXT,
    _Kind.VARCHAR: Kind.TEXT,
    _Kind.DATE: Kind.DATE,
    _Kind.BOOLEAN: Kind.BOOLEAN,
}
_ALWAYS: dict[type[exp.Expression], Kind] = {
    exp.Count: Kind.INTEGER,
    exp.CountIf: Kind.INTEGER,
    exp.RowNumber: Kind.INTEGER,
    exp.Rank: Kind.INTEGER,
    exp.Length: Kind.INTEGER,
    exp.DateDiff: Kind.INTEGER,
    exp.Sign: Kind.INTEGER,
    exp.Div: Kind.DOUBLE,
    exp.DPipe: Kind.TEXT,
    exp.Substring: Kind.TEXT,
    exp.Left: Kind.TEXT,
    exp.Right: Kind.TEXT,
    exp.Pad: Kind.TEXT,
    exp.Trim: Kind.TEXT,
    exp.Replace: Kind.TEXT,
    exp.SplitPart: Kind.TEXT,
    exp.RegexpExtract: Kind.TEXT,
    exp.TimeToStr: Kind.TEXT,
    exp.Translate: Kind.TEXT,
    exp.Boolean: Kind.BOOLEAN,
    exp.Not: Kind.BOOLEAN,
    exp.Is: Kind.BOOLEAN,
    exp.In: Kind.BOOLEAN,
}
_AS_OPERAND = (exp.Paren, exp.Neg, exp.Abs, exp.Min, exp.Max, exp.Window, exp.Filter, exp.Alias, exp.AnyValue)
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Mod, exp.IntDiv)
_WIDEST_LAST = (Kind.INTEGER, Kind.HUGE, Kind.DECIMAL, Kind.DOUBLE)


def kind_of(node: exp.Expression | None) -> Kind | None:
    """Return the kind of value of a DuckDB expression, None where the text does not tell."""
    if node is None:
        return None
    if type(node) in _ALWAYS:
        return _ALWAYS[type(node)]
    if isinstance(node, exp.Cast):
        return _OF_TYPE.get(node.to.this)
    if isinstance(node, exp.Literal):
        return Kind.TEXT if node.is_string else _of_number(node.name)
    if isinstance(node, _AS_OPERAND):
        return kind_of(node.this)
    if isinstance(node, _ARITHMETIC):
        return _wider(kind_of(node.this), kind_of(node.expression))
    if isinstance(node, exp.Round):
        return Kind.DOUBLE if kind_of(node.this) is Kind.DOUBLE else None
    if isinstance(node, exp.Predicate | exp.Connector):
        return Kind.BOOLEAN
    return None


def is_never_negative(node: exp.Expression) -> bool:
    """Return True where the text itself says that an integer is not below 0: counts, and sums and quotients of them."""
    if isinstance(node, exp.Literal):
        return not node.is_string
    if isinstance(node, exp.Paren):
        return is_never_negative(node.this)
    if isinstance(node, exp.Add | exp.Mul | exp.IntDiv):
        return is_never_negative(node.this) and is_never_negative(node.expression)
    return isinstance(node, exp.Count)


def _of_number(text: str) -> Kind:
    if "e" in text.lower():
        return Kind.DOUBLE
    if "." in text:
        return Kind.DECIMAL
    return Kind.INTEGER if int(text) < 2**63 else Kind.HUGE


def _wider(left: Kind | None, right: Kind | None) -> Kind | None:
    if Kind.DOUBLE in (left, right):
        return Kind.DOUBLE
    if left not in _WIDEST_LAST or right not in _WIDEST_LAST:
        return None
    return max(left, right, key=_WIDEST_LAST.index)
