"""What means the same in both engines and is printed as sqlglot prints it, and which of its parts may be there.

What lives here: that list, and windows, relations and select lists, whose parts are rewritten but whose shape stays. What does
not: functions (``functions``), numbers (``numbers``).
"""

from collections.abc import Mapping

from sqlglot import exp

from kenpo_pipelines.spark_sql.errors import NoSparkForm
from kenpo_pipelines.spark_sql.numbers import Translate, spark_cast

_BINARY = ("this", "expression")
_UNARY = ("this",)

PLAIN: Mapping[type[exp.Expression], tuple[str, ...]] = {
    exp.Abs: _UNARY,
    exp.Alias: ("this", "alias"),
    exp.And: _BINARY,
    exp.Between: ("this", "low", "high"),
    exp.Boolean: _UNARY,
    exp.CTE: ("this", "alias"),
    exp.Case: ("this", "ifs", "default"),
    exp.Coalesce: ("this", "expressions"),
    exp.Column: ("this", "table"),
    exp.Count: ("this", "expressions", "big_int"),
    exp.CountIf: _UNARY,
    exp.DPipe: ("this", "expression", "safe"),
    exp.Distinct: ("expressions",),
    exp.EQ: _BINARY,
    exp.Exists: _UNARY,
    exp.From: _UNARY,
    exp.GT: _BINARY,
    exp.GTE: _BINARY,
    exp.Greatest: ("this", "expressions", "ignore_nulls"),
    exp.Group: ("expressions", "all"),
    exp.Having: _UNARY,
    exp.Identifier: ("this", "quoted"),
    exp.If: ("this", "true", "false"),
    exp.Is: _BINARY,
    exp.LT: _BINARY,
    exp.LTE: _BINARY,
    exp.Lag: ("this", "offset", "default"),
    exp.Lead: ("this", "offset", "default"),
    exp.Least: ("this", "expressions", "ignore_nulls"),
    exp.Limit: ("expression",),
    exp.Literal: ("this", "is_string"),
    exp.LogicalAnd: _UNARY,
    exp.LogicalOr: _UNARY,
    exp.Max: _UNARY,
    exp.Min: _UNARY,
    exp.Mul: _BINARY,
    exp.NEQ: _BINARY,
    exp.Neg: _UNARY,
    exp.Not: _UNARY,
    exp.Null: (),
    exp.NullSafeEQ: _BINARY,
    exp.NullSafeNEQ: _BINARY,
    exp.Nullif: _BINARY,
    exp.Or: _BINARY,
    exp.Order: ("this", "expressions"),
    exp.Ordered: ("this", "desc", "nulls_first"),
    exp.Paren: _UNARY,
    exp.Qualify: _UNARY,
    exp.Star: ("except_",),
    exp.Subquery: ("this", "alias"),
    exp.Sum: _UNARY,
    exp.TableAlias: ("this", "columns"),
    exp.Tuple: ("expressions",),
    exp.Union: ("this", "expression", "distinct", "with_", "order", "limit"),
    exp.Values: ("expressions", "alias"),
    exp.Var: _UNARY,
    exp.Where: _UNARY,
    exp.With: ("expressions",),
}
"""Kinds of node, and the parts that one may have."""

_SELECT = (
    "with_",
    "expressions",
    "distinct",
    "from_",
    "joins",
    "where",
    "group",
    "having",
    "qualify",
    "windows",
    "order",
    "limit",
)
_JOINS = {("", ""), ("", "INNER"), ("LEFT", ""), ("RIGHT", ""), ("FULL", ""), ("", "CROSS"), ("", "SEMI"), ("", "ANTI")}
_OPERATIONS = (exp.Binary, exp.Not, exp.Between, exp.In)
_NUMBERING = (exp.RowNumber, exp.Rank)
_OVER_ROWS = (exp.Sum, exp.Count, exp.CountIf, exp.Min, exp.Max, exp.LogicalAnd, exp.LogicalOr)
_OVER_PLACES = (*_NUMBERING, exp.Lag, exp.Lead)


def only(node: exp.Expression, known: tuple[str, ...]) -> None:
    """Raise :class:`NoSparkForm` when the node has a part that is not known."""
    others = [name for name, value in node.args.items() if value not in (None, False, [], "") and name not in known]
    if others:
        raise NoSparkForm(f"{_name(node)} with {', '.join(one.strip('_') for one in others)}")


def _name(node: exp.Expression) -> str:
    return type(node).__name__.upper()


def with_parts(node: exp.Expression, translate: Translate) -> exp.Expression:
    """Return the node with every part translated."""
    parts = {
        name: [translate(one) if isinstance(one, exp.Expression) else one for one in value]
        if isinstance(value, list)
        else translate(value)
        if isinstance(value, exp.Expression)
        else value
        for name, value in node.args.items()
    }
    return type(node)(**parts)


def select(node: exp.Select, translate: Translate) -> exp.Expression:
    """A select: of DISTINCT only the plain one; windows with a name were written out before."""
    only(node, _SELECT)
    if node.args.get("distinct") is not None:
        only(node.args["distinct"], ())
    translated = with_parts(node, translate)
    translated.set("windows", None)
    return translated


def join(node: exp.Join, translate: Translate) -> exp.Expression:
    """A join on a condition, or a cross join."""
    only(node, ("this", "side", "kind", "on"))
    shape = (str(node.side or "").upper(), str(node.kind or "").upper().replace("OUTER", ""))
    if shape not in _JOINS:
        raise NoSparkForm(f"{' '.join(one for one in shape if one)} JOIN")
    if not node.args.get("on") and shape != ("", "CROSS"):
        raise NoSparkForm("a join without a condition: write CROSS JOIN")
    return with_parts(node, translate)


def view_name(sql_name: str) -> str:
    """Return the name of a relation's temp view in Spark, which has no schemas for them: ``staging.x`` is ``staging__x``."""
    return sql_name.replace(".", "__")


def table(node: exp.Table, translate: Translate) -> exp.Expression:
    """A relation by its name, or DuckDB's range(from, to)."""
    if isinstance(node.this, exp.GenerateSeries):
        return _series(node, translate)
    only(node, ("this", "db", "alias"))
    if not isinstance(node.this, exp.Identifier):
        raise NoSparkForm(f"reading from {node.this.sql('duckdb')}")
    alias = node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(node.name))
    if alias.args.get("columns"):
        raise NoSparkForm("names of columns after a relation's")
    name = view_name(f"{node.db}.{node.name}") if node.db else node.name
    if node.db == "" and node.args.get("alias") is None:
        return exp.Table(this=exp.to_identifier(name))
    return exp.Table(this=exp.to_identifier(name), alias=translate(alias))


def _series(node: exp.Table, translate: Translate) -> exp.Expression:
    series = node.this
    only(node, ("this", "alias"))
    only(series, ("start", "end", "is_end_exclusive"))
    if not series.args.get("is_end_exclusive") or node.args.get("alias"):
        raise NoSparkForm("a series of numbers other than range(from, to) without a name")
    numbers = exp.Anonymous(this="RANGE", expressions=[translate(series.args["start"]), translate(series.args["end"])])
    named = exp.alias_(exp.column("id"), "range")
    return exp.Subquery(
        this=exp.Select(expressions=[named], from_=exp.From(this=exp.Table(this=numbers))),
        alias=exp.TableAlias(this=exp.to_identifier("range")),
    )


def column(node: exp.Column, translate: Translate) -> exp.Expression:
    """A column, also with its relation's name; a layer before that is left out, as relations get their own names."""
    only(node, ("this", "table", "db"))
    if isinstance(node.this, exp.Star):
        only(node.this, PLAIN[exp.Star])
    return exp.Column(this=translate(node.this), table=node.args.get("table"))


def filtered(node: exp.Filter, translate: Translate) -> exp.Expression:
    """An aggregate of some rows; those whose form here is more than one call cannot have it."""
    only(node, _BINARY)
    if not isinstance(node.this, _OVER_ROWS):
        raise NoSparkForm(f"FILTER of {_name(node.this)}: put a CASE into it")
    return with_parts(node, translate)


def membership(node: exp.In, translate: Translate) -> exp.Expression:
    """``in`` a list or a query."""
    only(node, ("this", "expressions", "query"))
    if not node.expressions and not node.args.get("query"):
        raise NoSparkForm("IN of an empty list")
    return with_parts(node, translate)


def window(node: exp.Window, translate: Translate) -> exp.Expression:
    """A window over partitions, in an order, with a frame of rows."""
    only(node, ("this", "partition_by", "order", "spec", "over"))
    if not isinstance(node.this, (*_OVER_ROWS, *_OVER_PLACES)):
        raise NoSparkForm(f"{_name(node.this)} over a window")
    if isinstance(node.this, _OVER_PLACES) and not node.args.get("order"):
        raise NoSparkForm(f"{_name(node.this)} over a window without an order: its result would differ from run to run")
    if node.args.get("spec"):
        only(node.args["spec"], ("kind", "start", "start_side", "end", "end_side"))
        if str(node.args["spec"].args.get("kind")).upper() != "ROWS":
            raise NoSparkForm("a window frame that is not one of ROWS")
    translated = with_parts(node, translate)
    if isinstance(node.this, _NUMBERING) and node.find_ancestor(exp.Qualify, exp.Select).__class__ is not exp.Qualify:
        return spark_cast(translated, "BIGINT")  # DuckDB's numbers of rows have 64 bits
    return translated


def written_out_windows(tree: exp.Expression) -> None:
    """Put the windows that a select names in their places."""
    for one in list(tree.find_all(exp.Select)):
        named = {spec.name: spec for spec in one.args.get("windows") or []}
        for use in list(one.find_all(exp.Window)) if named else []:
            name = use.args.get("alias")
            if name is None or use in named.values():
                continue
            if name.name not in named or any(use.args.get(part) for part in ("partition_by", "order", "spec")):
                raise NoSparkForm(f"the window {name.name}")
            spec = named[name.name]
            use.set("alias", None)
            for part in ("partition_by", "order", "spec"):
                value = spec.args.get(part)
                copied = [item.copy() for item in value] if isinstance(value, list) else value.copy() if value else None
                use.set(part, copied)
        one.set("windows", None)


def keep_together(tree: exp.Expression) -> None:
    """Put operands that are operations of another kind into brackets: Spark's operators bind otherwise (``||`` like ``+``)."""
    for node in list(tree.find_all(exp.Binary)):
        if isinstance(node, exp.Connector | exp.Dot):
            continue
        for side in ("this", "expression"):
            operand = node.args[side]
            if isinstance(operand, _OPERATIONS) and not isinstance(operand, exp.Dot | type(node)):
                node.set(side, exp.Paren(this=operand.copy()))
