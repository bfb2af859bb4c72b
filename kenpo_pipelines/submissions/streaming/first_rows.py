"""The first rows of a file of any kind, to tell what it holds without reading it.

What lives here: grids of a file's beginning. What does not: which dataset that is (``reading`` of the package above).
"""

from itertools import islice
from pathlib import Path

from kenpo_pipelines.submissions.faults import FileFault
from kenpo_pipelines.submissions.files import SUFFIXES
from kenpo_pipelines.submissions.grids import Grid
from kenpo_pipelines.submissions.streaming.head import ROWS, first_rows_of_csv
from kenpo_pipelines.submissions.streaming.workbook_rows import WorkbookRows


def first_grids(path: Path) -> list[Grid]:
    """Return the beginning of every sheet (of a CSV file: of the only one) that is not empty.

    Raises :class:`FileFault` when the file cannot be read at all: empty, encrypted, truncated, of another kind.
    """
    lower = path.name.lower()
    if not lower.endswith(SUFFIXES):
        raise FileFault("unsupported_extension")
    if not lower.endswith(".xlsx"):
        return [Grid("", tuple(first_rows_of_csv(path)))]
    book = WorkbookRows(path)
    try:
        grids = [Grid(sheet, tuple(islice(book.rows(sheet), ROWS))) for sheet in book.sheets]
    finally:
        book.close()
    filled = [grid for grid in grids if grid.rows]
    if not filled:
        raise FileFault("empty_file")
    return filled
