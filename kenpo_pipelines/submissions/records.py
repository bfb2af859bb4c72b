"""One submitted record before its rules: cells by column, and where a person finds them.

What lives here: ``Record``, ``Extract`` (what a layout yields). What does not: typed values (``rules``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kenpo_pipelines.submissions.grids import BLANK, Cell


@dataclass(frozen=True, slots=True)
class Record:
    """One row of a table, or one branch × KPI cell of a registration sheet.

    ``headers`` are the headers as in the file, ``units`` the units that stand outside the cells (unit line, header),
    both by the contract's column names.
    """

    sheet: str
    row_number: int
    cells: Mapping[str, Cell] = field(repr=False)
    headers: Mapping[str, str]
    units: Mapping[str, str]
    is_ragged: bool = False

    def cell(self, column: str) -> Cell:
        """Return the column's cell; a blank one where the file lacks the column."""
        return self.cells.get(column, BLANK)


@dataclass(frozen=True, slots=True)
class Extract:
    """What one grid holds: records, and what a person should know about how it was read (Japanese sentences)."""

    records: tuple[Record, ...]
    notices: tuple[str, ...]
