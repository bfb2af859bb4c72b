"""Lists of a group in an order of several keys, which Spark's own lists of a group do not have.

What lives here: the list as an expression. What does not: what is done with it (``functions``).
"""

from collections.abc import Sequence

from sqlglot import exp

from kenpo_pipelines.spark_sql.numbers import call, number

_LEFT, _RIGHT, _ONE, _VALUE = "l", "r", "e", "v"


def in_order(value: exp.Expression, keys: Sequence[tuple[exp.Expression, exp.Ordered]]) -> exp.Expression:
    """Return the list of a group's values that are not null, in the order of the keys, and by value where they tie.

    Each key comes with its place in DuckDB's ORDER BY, which says descending and where nulls stand.
    """
    fields: list[exp.Expression] = []
    for position, (key, _) in enumerate(keys):
        fields += [exp.Literal.string(_key(position)), key.copy()]
    fields += [exp.Literal.string(_VALUE), value.copy()]
    is_there = exp.Not(this=exp.Is(this=exp.Paren(this=value.copy()), expression=exp.Null()))
    kept = exp.Case(ifs=[exp.If(this=is_there, true=call("NAMED_STRUCT", *fields))])
    comparison = _compared(_VALUE, is_descending=False, is_null_first=False, where_equal=number(0))
    for position in reversed(range(len(keys))):
        ordered = keys[position][1]
        comparison = _compared(
            _key(position),
            is_descending=bool(ordered.args.get("desc")),
            is_null_first=bool(ordered.args.get("nulls_first")),
            where_equal=comparison,
        )
    compare = exp.Lambda(this=comparison, expressions=[exp.to_identifier(_LEFT), exp.to_identifier(_RIGHT)])
    in_sequence = call("ARRAY_SORT", call("COLLECT_LIST", kept), compare)
    take = exp.Lambda(this=exp.column(_VALUE, table=_ONE), expressions=[exp.to_identifier(_ONE)])
    return call("TRANSFORM", in_sequence, take)


def _key(position: int) -> str:
    return f"k{position}"


def _compared(name: str, *, is_descending: bool, is_null_first: bool, where_equal: exp.Expression) -> exp.Expression:
    """Return −1, 0 or 1 for two structs by one of their fields."""
    left, right = exp.column(name, table=_LEFT), exp.column(name, table=_RIGHT)
    before, after = exp.Neg(this=number(1)), number(1)

    def when(condition: exp.Expression, then: exp.Expression) -> exp.If:
        return exp.If(this=condition, true=then.copy())

    return exp.Case(
        ifs=[
            when(exp.NullSafeEQ(this=left.copy(), expression=right.copy()), where_equal),
            when(exp.Is(this=left.copy(), expression=exp.Null()), before if is_null_first else after),
            when(exp.Is(this=right.copy(), expression=exp.Null()), after if is_null_first else before),
            when(exp.LT(this=left, expression=right), after if is_descending else before),
        ],
        default=(before if is_descending else after).copy(),
    )
