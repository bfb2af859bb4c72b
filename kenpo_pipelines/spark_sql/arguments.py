"""What may be written as an argument: reading it, or refusing what is no literal.

What lives here: that reading. What does not: what is made of it (``texts``, ``lists``, ``days``, ``aggregates``).
"""

from sqlglot import exp

from kenpo_pipelines.spark_sql.errors import NoSparkForm


def written_text(node: exp.Expression | None, what: str) -> str:
    """Return the text of a literal; raise :class:`NoSparkForm` for anything else."""
    if isinstance(node, exp.Literal) and node.is_string:
        return str(node.this)
    raise NoSparkForm(f"{what} that is not written out")


def written_integer(node: exp.Expression | None, what: str) -> int:
    """Return the number of a literal, 0 or more; raise :class:`NoSparkForm` for anything else."""
    if isinstance(node, exp.Literal) and not node.is_string and node.name.isdigit():
        return int(node.name)
    raise NoSparkForm(f"{what} that is not a number written out")


def nothing_else(node: exp.Expression, *known: str) -> None:
    """Raise :class:`NoSparkForm` when the node has a part that is not known."""
    others = [name for name, value in node.args.items() if value and name not in known]
    if others:
        raise NoSparkForm(f"{type(node).__name__} with {', '.join(others)}")
