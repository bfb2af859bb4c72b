"""Lists and structs: elements, membership, fields, one row per element.

What lives here: their Spark forms. What does not: lists of a group as text (``aggregates``).
"""

from sqlglot import exp

from kenpo_pipelines.spark_sql.arguments import nothing_else, written_text
from kenpo_pipelines.spark_sql.errors import NoSparkForm
from kenpo_pipelines.spark_sql.kinds import is_never_negative
from kenpo_pipelines.spark_sql.numbers import Translate, as_operand, call, number, spark_cast


def list_element(values: exp.Expression, place: exp.Expression, translate: Translate) -> exp.Expression:
    """``list_extract``: from 1, from the end if negative, null beyond. Spark's own raises at 0."""
    position = spark_cast(translate(place), "INT")
    return call("TRY_ELEMENT_AT", translate(values), call("NULLIF", position, number(0)))


def list_bracket(node: exp.Bracket, translate: Translate) -> exp.Expression:
    """``list(x order by x)[place]``; sqlglot has taken 1 from the place. Spark's lists of a group leave out nulls."""
    if len(node.expressions) != 1 or not isinstance(node.this, exp.ArrayAgg):
        raise NoSparkForm("brackets other than list(x order by x)[place]: use list_extract or struct_extract")
    ordered = node.this.this
    if (
        not isinstance(ordered, exp.Order)
        or isinstance(ordered.this, exp.Distinct)
        or len(ordered.expressions) != 1
        or ordered.expressions[0].this != ordered.this
        or ordered.expressions[0].args.get("desc")
        or ordered.expressions[0].args.get("nulls_first")
    ):
        raise NoSparkForm("an element of a list other than list(x order by x nulls last)[place]")
    place = node.expressions[0]
    if isinstance(place, exp.Add) and place.expression == exp.Neg(this=number(1)):
        place = place.this
    elif isinstance(place, exp.Literal):
        place = number(int(place.name) + 1)
    else:
        raise NoSparkForm("an element of a list at such a place")
    if not is_never_negative(place):
        raise NoSparkForm("an element of a list whose place may be negative")
    sorted_list = call("SORT_ARRAY", call("COLLECT_LIST", translate(ordered.this)))
    return call("GET", sorted_list, spark_cast(exp.Sub(this=as_operand(translate(place)), expression=number(1)), "INT"))


def array(node: exp.Array, translate: Translate) -> exp.Expression:
    """A list written out."""
    nothing_else(node, "expressions", "bracket_notation", "value_constructor")
    return call("ARRAY", *(translate(one) for one in node.expressions))


def list_contains(node: exp.ArrayContains, translate: Translate) -> exp.Expression:
    """``list_contains`` of what ``string_split`` made."""
    if not isinstance(node.this, exp.Split):
        raise NoSparkForm("list_contains of a list that string_split did not make: a null among its values differs")
    nothing_else(node, "this", "expression", "ensure_variant", "check_null")
    return call("ARRAY_CONTAINS", translate(node.this), translate(node.expression))


def string_split(node: exp.Split, translate: Translate) -> exp.Expression:
    """``string_split`` by one character; Spark takes a pattern."""
    nothing_else(node, "this", "expression")
    delimiter = written_text(node.expression, "string_split by a text")
    if len(delimiter) != 1:
        raise NoSparkForm("string_split by a text other than one character")
    quoted = delimiter if delimiter.isalnum() else f"[{delimiter}]"
    if delimiter in "\\^]&[-":
        raise NoSparkForm(f"string_split by {delimiter!r}")
    return call("SPLIT", translate(node.this), exp.Literal.string(quoted), exp.Neg(this=number(1)))


def struct_field(node: exp.StructExtract, translate: Translate) -> exp.Expression:
    """``struct_extract`` by the name of a field."""
    name = written_text(node.expression, "a field of a struct")
    return exp.Dot(this=as_operand(translate(node.this)), expression=exp.to_identifier(name, quoted=True))


def unnest(node: exp.Explode, translate: Translate) -> exp.Expression:
    """``unnest`` as a column of a select: one row per element, none for an empty list or null."""
    if not isinstance(node.parent, exp.Alias) or not isinstance(node.parent.parent, exp.Select):
        raise NoSparkForm("unnest other than as a column with a name")
    return call("EXPLODE", translate(node.this))
