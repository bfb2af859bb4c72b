"""A file as grids of cells, before anybody asks what the columns mean.

What lives here: ``Cell``, ``GridRow``, ``Grid`` and the reading of CSV. What does not: workbooks (``workbooks``) and
headers (``tables``). A cell's value is kept out of every repr.
"""

import csv
import datetime as dt
import io
import re
from dataclasses import dataclass, field
from decimal import Decimal

from kenpo_pipelines.submissions.faults import FileFault
from kenpo_pipelines.submissions.limits import MOST_CELLS_IN_MEMORY
from kenpo_pipelines.submissions.texts import trim

CellValue = str | int | float | bool | Decimal | dt.datetime | dt.date | dt.time | dt.timedelta | None


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell. ``number_format`` is the workbook's ('' for a text file)."""

    value: CellValue = field(default=None, repr=False)
    number_format: str = ""
    is_unevaluated: bool = False
    """A formula whose result the workbook does not hold."""
    is_spread: bool = False
    """The value stands in the first cell of a vertical merge; this cell is a further one."""

    @property
    def is_blank(self) -> bool:
        """True when nothing is in the cell."""
        if self.is_unevaluated:
            return False
        return self.value is None or (isinstance(self.value, str) and not trim(self.value))


BLANK = Cell()


@dataclass(frozen=True, slots=True)
class GridRow:
    """One row; ``number`` as a person counts (first line of the file or sheet = 1)."""

    number: int
    cells: tuple[Cell, ...]
    is_hidden: bool = False

    def __getitem__(self, index: int) -> Cell:
        return self.cells[index] if index < len(self.cells) else BLANK

    @property
    def is_blank(self) -> bool:
        """True when every cell is blank."""
        return all(cell.is_blank for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Grid:
    """One sheet, or one CSV file (``sheet`` is '' then), without its blank rows."""

    sheet: str
    rows: tuple[GridRow, ...]
    is_hidden: bool = False


def grid_of_csv(text: str) -> Grid:
    """Split decoded text into cells, by comma or (Excel's Unicode text) by tab.

    Raises :class:`FileFault`: ``too_large``, or ``broken_quotes`` with the line (an open quote swallows the rows after it).
    """
    delimiter = delimiter_of(text)
    if text.count(delimiter) + text.count("\n") > MOST_CELLS_IN_MEMORY:
        raise FileFault("too_large", f"{MOST_CELLS_IN_MEMORY:,}セル")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[GridRow] = []
    start = 1
    try:
        for cells in reader:
            row = GridRow(start, tuple(Cell(text) for text in cells))
            if not row.is_blank:
                rows.append(row)
            start = reader.line_num + 1
    except csv.Error as error:
        raise FileFault("broken_quotes", f"{start}行目") from error
    return Grid("", tuple(rows))


def delimiter_of(text: str) -> str:
    """Return what separates the cells, by the first line that has either: comma, or (Excel's Unicode text) tab."""
    first = re.search(r"[^\n]*[\t,][^\n]*", text)
    return "\t" if first and "," not in first[0] else ","
