"""The shape of a check report: what a page and a workbook show alike.

What lives here: the parts, with texts that may already be shown. What does not: finding them (``making``), what may be shown
(``shown``), and layouts (``page``, ``workbook``).
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from openpyxl.utils import get_column_letter


class Verdict(StrEnum):
    """What the sender learns first."""

    FINE = "fine"
    TO_CORRECT = "to_correct"
    UNREADABLE = "unreadable"


class Kind(StrEnum):
    """What stands in a cell of the report."""

    VALUE = "value"
    """What the sender's cell says."""
    CLASS = "class"
    """The kind of value (数字8桁) in its place."""
    MASKED = "masked"
    """A mask: the column is personal."""
    NOTE = "note"
    """Words of ours: a column that is not read, a formula without a result."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing to look at, numbered from 1. ``row`` counts as the sender sees it, ``columns`` from 1; none: the whole row.

    ``shown`` is the cell as it may be shown. ``must_be_corrected`` is False for what is only told.
    """

    number: int
    sheet: str
    row: int
    columns: tuple[int, ...]
    column_name: str
    what: str
    advice: str
    shown: str
    must_be_corrected: bool

    @property
    def place(self) -> str:
        """The first cell as a spreadsheet names it (H3), or the row (3行目)."""
        return f"{get_column_letter(self.columns[0])}{self.row}" if self.columns else f"{self.row}行目"


@dataclass(frozen=True, slots=True)
class ReportCell:
    """One cell. ``number`` stands where the sender's cell is a number, for a workbook to keep it one."""

    text: str = ""
    kind: Kind = Kind.VALUE
    marks: tuple[Mark, ...] = ()
    number: Decimal | None = None
    is_percent: bool = False


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One row of the sender's sheet. ``left_out`` are the first and last number of rows left out just before it."""

    number: int
    cells: tuple[ReportCell, ...]
    marks: tuple[Mark, ...] = ()
    """Of the row as a whole."""
    is_head: bool = False
    is_hidden: bool = False
    left_out: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class ReportSheet:
    """One sheet; ``name`` is '' for a CSV file. ``left_out_after``: rows follow that are not shown; ``columns_left_out``: so
    many columns to the right of the last are not."""

    name: str
    rows: tuple[ReportRow, ...]
    left_out_after: bool = False
    columns_left_out: int = 0

    @property
    def title(self) -> str:
        """What the sheet is called in the report."""
        return f"シート「{self.name}」" if self.name else "提出ファイル"

    @property
    def width(self) -> int:
        """Columns shown."""
        return max((len(row.cells) for row in self.rows), default=0)


@dataclass(frozen=True)
class CheckReport:
    """One file as checked. Counts are rows; ``marks`` are the first ones, ``marks_unlisted`` more places have problems.

    ``reason`` says why a file cannot be read at all, or why none of it can be loaded.
    """

    file: str
    dataset: str
    period: str
    verdict: Verdict
    reason: str = ""
    rows_read: int = 0
    rows_loaded: int = 0
    rows_rejected: int = 0
    marks: tuple[Mark, ...] = ()
    marks_unlisted: int = 0
    sheets: tuple[ReportSheet, ...] = ()
    notices: tuple[str, ...] = ()
    needed_columns: tuple[tuple[str, bool], ...] = ()
    """Columns of the dataset and whether the file must have them: told where a file lacks some."""
    hides_values: bool = False
    """The dataset has personal columns: kinds of values stand in the place of values."""
    is_landed: bool = False
    """The file was submitted already."""
    origin: str = "submission"

    @property
    def to_correct(self) -> int:
        """How many of the listed places have to be corrected."""
        return sum(mark.must_be_corrected for mark in self.marks)
