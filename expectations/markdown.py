"""Markdown tables for the metadata that Dagster shows.

What lives here: one table and the escaping of its cells. What does not: choosing what is shown.
"""

from collections.abc import Iterable, Sequence

_ESCAPES = (
    *(("\\", "\\\\"), ("|", "\\|"), ("`", "\\`"), ("[", "\\["), ("]", "\\]")),
    *(("&", "&amp;"), ("<", "&lt;"), ("\r", " "), ("\n", " ")),
)
"""Brackets would make links and pictures, which a reader's browser fetches."""


def markdown_table(header: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a table whose values stay inside their cells and are never read as HTML; None is an empty cell."""
    lines = [list(header), ["---"] * len(header), *([_cell(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    for special, shown in _ESCAPES:
        text = text.replace(special, shown)
    return text
