"""A file on disk as grids of cells, by its kind.

What lives here: which reader a file's name calls for. What does not: the readers (``decoding``, ``grids``,
``workbooks``).
"""

from pathlib import PurePath

from kenpo_pipelines.submissions.decoding import decode, gunzip
from kenpo_pipelines.submissions.faults import FileFault
from kenpo_pipelines.submissions.grids import Grid, grid_of_csv
from kenpo_pipelines.submissions.limits import MOST_IN_MEMORY, refuse_above
from kenpo_pipelines.submissions.workbooks import grids_of_workbook

SUFFIXES = (".csv", ".csv.gz", ".xlsx")
"""Kinds of file that a submission may be."""


def grids_of(name: str, data: bytes) -> list[Grid]:
    """Return the file's sheets (one for a CSV) that are not empty.

    Raises :class:`FileFault` when the file cannot be read at all: empty, encrypted, truncated, of another kind, too large.
    """
    lower = PurePath(name).name.lower()
    if not lower.endswith(SUFFIXES):
        raise FileFault("unsupported_extension")
    if not data:
        raise FileFault("empty_file")
    refuse_above(len(data), MOST_IN_MEMORY)
    if lower.endswith(".xlsx"):
        grids = grids_of_workbook(data)
    else:
        grids = [grid_of_csv(decode(gunzip(data) if lower.endswith(".gz") else data))]
    filled = [grid for grid in grids if grid.rows]
    if not filled:
        raise FileFault("empty_file")
    return filled
