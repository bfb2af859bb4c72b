"""Aggregates and numbers of rows that differ: texts of a group, values at the largest key, places in a window.

What lives here: the Spark form of each. What does not: sums and counts, which are the same (``structure``), windows themselves.
"""

from sqlglot import exp

from kenpo_pipelines.spark_sql.arguments import nothing_else, written_text
from kenpo_pipelines.spark_sql.errors import NoSparkForm
from kenpo_pipelines.spark_sql.numbers import Translate, as_operand, call, number
from kenpo_pipelines.spark_sql.ordered_lists import in_order


def string_agg(node: exp.GroupConcat, translate: Translate) -> exp.Expression:
    """``string_agg``: a list of the group, sorted, joined; null where the group has nothing.

    Not Spark's LISTAGG: beside a second DISTINCT aggregate it fails while it is planned (ClassCastException in Spark 4.3).
    """
    nothing_else(node, "this", "separator")
    if not isinstance(node.this, exp.Order):
        raise NoSparkForm("string_agg without an order: its text would differ from run to run")
    value, order = node.this.this, node.this.expressions
    separator = node.args.get("separator")
    if not isinstance(separator, exp.Chr):
        written_text(separator, "string_agg with a separator")
    if isinstance(value, exp.Distinct):
        if len(order) != 1 or len(value.expressions) != 1 or order[0].this != value.expressions[0]:
            raise NoSparkForm("string_agg of distinct values that is not ordered by them")
        counted = translate(value.expressions[0])
        is_ascending = exp.Boolean(this=not order[0].args.get("desc"))
        listed: exp.Expression = call("SORT_ARRAY", call("COLLECT_SET", counted), is_ascending)
    else:
        counted = translate(value)
        listed = in_order(counted, [(translate(one.this), one) for one in order])
    assert separator is not None
    joined = call("ARRAY_JOIN", listed, translate(separator))
    is_any = exp.GT(this=exp.Count(this=counted.copy()), expression=number(0))
    return exp.Case(ifs=[exp.If(this=is_any, true=joined)])


def at_largest(node: exp.Expression, translate: Translate) -> exp.Expression:
    """``arg_max``, ``arg_min``: rows without a value do not count, which they do in Spark. Ties are the caller's."""
    nothing_else(node, "this", "expression")
    value, key = node.this, node.expression
    is_there = exp.Not(this=exp.Is(this=as_operand(translate(value)), expression=exp.Null()))
    counted = exp.Case(ifs=[exp.If(this=is_there, true=translate(key))])
    return call("MAX_BY" if isinstance(node, exp.ArgMax) else "MIN_BY", translate(value), counted)


def place_of_row(node: exp.Expression, translate: Translate) -> exp.Expression:
    """row_number and rank of a window: 64 bits in DuckDB, 32 in Spark; see ``structure.window``."""
    nothing_else(node, "expressions")
    return call("ROW_NUMBER" if isinstance(node, exp.RowNumber) else "RANK")


def any_value(node: exp.IgnoreNulls, translate: Translate) -> exp.Expression:
    """``any_value``: of the values that are not null, as DuckDB means it."""
    if not isinstance(node.this, exp.AnyValue):
        raise NoSparkForm(f"IGNORE NULLS of {type(node.this).__name__}")
    return call("ANY_VALUE", translate(node.this.this), exp.true())
