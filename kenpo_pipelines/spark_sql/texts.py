"""Text: its parts, patterns and printed numbers.

What lives here: the Spark form of each function. What does not: what a pattern may say (``patterns``), days as text (``days``).
"""

from sqlglot import exp

from kenpo_pipelines.spark_sql.arguments import nothing_else, written_integer, written_text
from kenpo_pipelines.spark_sql.errors import NoSparkForm
from kenpo_pipelines.spark_sql.kinds import Kind, kind_of
from kenpo_pipelines.spark_sql.numbers import Translate, as_operand, call, number, spark_cast
from kenpo_pipelines.spark_sql.patterns import java_part, java_pattern


def regexp_matches(node: exp.RegexpLike, translate: Translate) -> exp.Expression:
    """``regexp_matches``: somewhere in the text."""
    nothing_else(node, "this", "expression")
    return exp.RegexpLike(this=as_operand(translate(node.this)), expression=_pattern(node.expression, translate))


def regexp_full_match(node: exp.RegexpFullMatch, translate: Translate) -> exp.Expression:
    """``regexp_full_match``: all of the text."""
    nothing_else(node, "this", "expression")
    pattern = java_pattern(written_text(node.expression, "a regular expression"), is_whole_text=True)
    return exp.RegexpLike(this=as_operand(translate(node.this)), expression=exp.Literal.string(pattern))


def regexp_extract(node: exp.RegexpExtract, translate: Translate) -> exp.Expression:
    """``regexp_extract``: the first match or one of its groups; empty where there is none."""
    nothing_else(node, "this", "expression", "group", "null_if_pos_overflow")
    pattern = java_pattern(written_text(node.expression, "a regular expression"))
    group = written_integer(node.args.get("group") or number(0), "a group of a regular expression")
    return call("REGEXP_EXTRACT", translate(node.this), exp.Literal.string(pattern), number(group))


def _pattern(node: exp.Expression, translate: Translate) -> exp.Expression:
    """A pattern: text, or texts with integers in them."""
    if isinstance(node, exp.Literal):
        return exp.Literal.string(java_pattern(written_text(node, "a regular expression")))
    parts = list(node.flatten()) if isinstance(node, exp.DPipe) else [node]
    written: list[exp.Expression] = [exp.Literal.string(java_pattern(""))]
    for part in parts:
        if isinstance(part, exp.Literal):
            written.append(exp.Literal.string(java_part(written_text(part, "a regular expression"))))
        elif isinstance(part, exp.Cast) and kind_of(part) is Kind.TEXT and kind_of(part.this) is Kind.INTEGER:
            written.append(translate(part))
        else:
            raise NoSparkForm("a regular expression of anything but text and cast(cast(… as bigint) as varchar)")
    return call("CONCAT", *written)


def thousands(node: exp.Format, translate: Translate) -> exp.Expression:
    """``format('{:,}', …)`` of an integer."""
    if written_text(node.this, "a format") != "{:,}" or len(node.expressions) != 1:
        raise NoSparkForm("format with anything but '{:,}'")
    value = node.expressions[0]
    if kind_of(value) is not Kind.INTEGER:
        raise NoSparkForm("format('{:,}', …) of anything but an integer: cast it to bigint")
    return call("FORMAT_NUMBER", translate(value), number(0))


def padded(node: exp.Pad, translate: Translate) -> exp.Expression:
    """``lpad`` and ``rpad``; what is too long is cut off in both."""
    nothing_else(node, "this", "expression", "fill_pattern", "is_left")
    if not written_text(node.args.get("fill_pattern"), "lpad with a filling"):
        raise NoSparkForm("lpad with an empty filling")
    name = "LPAD" if node.args.get("is_left") else "RPAD"
    return call(name, translate(node.this), translate(node.expression), translate(node.args["fill_pattern"]))


def trimmed(node: exp.Trim, translate: Translate) -> exp.Expression:
    """``trim``, ``ltrim``, ``rtrim`` of given characters."""
    nothing_else(node, "this", "expression", "position")
    if not written_text(
        node.expression, "trim without the characters to take away: of spaces it takes other kinds, too; trim"
    ):
        raise NoSparkForm("trim of no character")
    name = {"TRAILING": "RTRIM", "LEADING": "LTRIM", "": "BTRIM"}[str(node.args.get("position") or "").upper()]
    if name == "BTRIM":
        return call(name, translate(node.this), translate(node.expression))
    position = "TRAILING" if name == "RTRIM" else "LEADING"
    return exp.Trim(this=translate(node.this), expression=translate(node.expression), position=position)


def substring(node: exp.Substring, translate: Translate) -> exp.Expression:
    """``substr`` at a place written out, from 1, in characters."""
    nothing_else(node, "this", "start", "length")
    parts = [translate(node.this)]
    for name in ("start", "length"):
        if node.args.get(name) is not None:
            if not written_integer(node.args[name], f"substr with a {name}") and name == "start":
                raise NoSparkForm("substr from 0")
            parts.append(translate(node.args[name]))
    return call("SUBSTRING", *parts)


def left_or_right(node: exp.Expression, translate: Translate) -> exp.Expression:
    """``left`` and ``right`` of a length written out."""
    length = written_integer(node.expression, "left or right of a length")
    return call("LEFT" if isinstance(node, exp.Left) else "RIGHT", translate(node.this), number(length))


def split_part(node: exp.SplitPart, translate: Translate) -> exp.Expression:
    """``split_part`` by a text at a place from 1; empty beyond."""
    nothing_else(node, "this", "delimiter", "part_index")
    if not written_text(node.args.get("delimiter"), "split_part by a text") or not written_integer(
        node.args["part_index"], "a part"
    ):
        raise NoSparkForm("split_part by no text, or at 0")
    return call(
        "SPLIT_PART", translate(node.this), translate(node.args["delimiter"]), translate(node.args["part_index"])
    )


def replaced(node: exp.Replace, translate: Translate) -> exp.Expression:
    """``replace`` of a text that is not empty."""
    nothing_else(node, "this", "expression", "replacement")
    if not written_text(node.expression, "replace of a text"):
        raise NoSparkForm("replace of no text")
    return call("REPLACE", translate(node.this), translate(node.expression), translate(node.args["replacement"]))


def characters_replaced(node: exp.Translate, translate: Translate) -> exp.Expression:
    """``translate`` of characters by as many others."""
    before, after = (
        written_text(node.args.get("from_"), "translate from a text"),
        written_text(node.args.get("to"), "translate to a text"),
    )
    if len(before) != len(after) or len(set(before)) != len(before):
        raise NoSparkForm("translate of texts that are not of one length")
    return call("TRANSLATE", translate(node.this), exp.Literal.string(before), exp.Literal.string(after))


def character(node: exp.Chr, translate: Translate) -> exp.Expression:
    """``chr`` of an ASCII code."""
    code = written_integer(node.expressions[0], "chr of a code")
    if not 0 < code < 128 or len(node.expressions) != 1:
        raise NoSparkForm("chr of a code that is not ASCII: write the character")
    return call("CHR", number(code))


def like(node: exp.Like, translate: Translate) -> exp.Expression:
    """``like`` with a pattern without a backslash, which escapes in Spark."""
    nothing_else(node, "this", "expression")
    if "\\" in written_text(node.expression, "like with a pattern"):
        raise NoSparkForm("like with a backslash")
    return exp.Like(this=as_operand(translate(node.this)), expression=translate(node.expression))


def ends_with(node: exp.EndsWith, translate: Translate) -> exp.Expression:
    """``ends_with``."""
    return call("ENDSWITH", translate(node.this), translate(node.expression))


def starts_with(node: exp.StartsWith, translate: Translate) -> exp.Expression:
    """``starts_with``."""
    return call("STARTSWITH", translate(node.this), translate(node.expression))


def length(node: exp.Length, translate: Translate) -> exp.Expression:
    """``length`` in characters: 64 bits, as in DuckDB."""
    nothing_else(node, "this")
    return spark_cast(call("CHAR_LENGTH", translate(node.this)), "BIGINT")
