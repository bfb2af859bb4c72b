"""Functions, aggregates and operators whose Spark form is not their DuckDB form.

What lives here: the table of them, one translation per kind of node. What does not: the translations (``numbers``, ``texts``,
``lists``, ``days``, ``aggregates``), and what is printed as it is (``structure``).
"""

from collections.abc import Callable, Mapping
from typing import Any

from sqlglot import exp

from kenpo_pipelines.spark_sql import aggregates, days, lists, numbers, texts
from kenpo_pipelines.spark_sql.errors import NoSparkForm
from kenpo_pipelines.spark_sql.numbers import Translate

_NAMED: Mapping[str, tuple[str, int]] = {"octet_length": ("OCTET_LENGTH", 1)}
"""Functions that sqlglot knows by name only, and how many arguments they take."""


def _by_name(node: exp.Anonymous, translate: Translate) -> exp.Expression:
    name = node.name.lower()
    if name in ("list_extract", "list_element") and len(node.expressions) == 2:
        return lists.list_element(node.expressions[0], node.expressions[1], translate)
    if name in _NAMED and len(node.expressions) == _NAMED[name][1]:
        called = numbers.call(_NAMED[name][0], *(translate(one) for one in node.expressions))
        return numbers.spark_cast(called, "BIGINT")
    raise NoSparkForm(f"the function {name}")


TRANSLATIONS: Mapping[type[exp.Expression], Callable[[Any, Translate], exp.Expression]] = {
    exp.Add: days.sum_or_difference,
    exp.Anonymous: _by_name,
    exp.ArgMax: aggregates.at_largest,
    exp.ArgMin: aggregates.at_largest,
    exp.Array: lists.array,
    exp.ArrayContains: lists.list_contains,
    exp.Bracket: lists.list_bracket,
    exp.Cast: numbers.cast,
    exp.Chr: texts.character,
    exp.DateDiff: days.days_between,
    exp.Div: numbers.division,
    exp.EndsWith: texts.ends_with,
    exp.Explode: lists.unnest,
    exp.Format: texts.thousands,
    exp.GroupConcat: aggregates.string_agg,
    exp.IgnoreNulls: aggregates.any_value,
    exp.IntDiv: numbers.integer_division,
    exp.Interval: days.interval,
    exp.Left: texts.left_or_right,
    exp.Length: texts.length,
    exp.Like: texts.like,
    exp.Mod: numbers.remainder,
    exp.Pad: texts.padded,
    exp.Rank: aggregates.place_of_row,
    exp.RegexpExtract: texts.regexp_extract,
    exp.RegexpFullMatch: texts.regexp_full_match,
    exp.RegexpLike: texts.regexp_matches,
    exp.Replace: texts.replaced,
    exp.Right: texts.left_or_right,
    exp.Round: numbers.rounded,
    exp.RowNumber: aggregates.place_of_row,
    exp.Sign: numbers.sign,
    exp.Split: lists.string_split,
    exp.SplitPart: texts.split_part,
    exp.StartsWith: texts.starts_with,
    exp.StructExtract: lists.struct_field,
    exp.Sub: days.sum_or_difference,
    exp.Substring: texts.substring,
    exp.TimeToStr: days.day_text,
    exp.Translate: texts.characters_replaced,
    exp.Trim: texts.trimmed,
    exp.Trunc: numbers.truncated,
}
