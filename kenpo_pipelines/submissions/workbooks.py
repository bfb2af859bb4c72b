"""Excel workbooks as rows of cells, one after the other: a sheet is never held as a whole, nothing in it is run.

What lives here: opening .xlsx bytes, telling apart what cannot be opened, values, formulas, merged cells, hidden rows. What
does not: how much there may be (``weighing``), what the columns mean (``tables``, ``registration_sheet``). Links to other
workbooks, objects and the text of formulas are left alone: of a formula its stored result is read.
"""

import datetime as dt
import errno
import io
import math
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any, BinaryIO, TypeVar
from xml.parsers.expat import ExpatError

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.workbook import Workbook

from kenpo_pipelines.submissions.faults import FileFault
from kenpo_pipelines.submissions.grids import Cell, Grid, GridRow
from kenpo_pipelines.submissions.limits import OF_FIGURES, WorkbookLimits
from kenpo_pipelines.submissions.weighing import Damaged, SheetParts, weigh

_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
_PIECE = 1 << 20
_DAMAGED = (
    Damaged,
    ExpatError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    InvalidFileException,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)
"""What zipfile, expat and openpyxl raise on damaged parts (RuntimeError: unknown versions, encrypted parts, too deep)."""
_Result = TypeVar("_Result")
_PLAIN = (str, int, float, bool, Decimal, dt.datetime, dt.date, dt.time, dt.timedelta)


class Book:
    """An open workbook. Use it in a ``with`` block.

    Raises :class:`FileFault`: ``empty_file``, ``encrypted``, ``old_workbook``, ``not_a_workbook``, ``truncated``, and what
    :func:`weighing.weigh` raises.
    """

    def __init__(self, file: BinaryIO, most: WorkbookLimits) -> None:
        _refuse_foreign(file)
        self._parts = _guarded(lambda: weigh(file, most))
        self._book = _guarded(lambda: _opened(file))
        if {sheet.title for sheet in self._book.worksheets} - set(self._parts):
            raise FileFault("truncated")

    def __enter__(self) -> "Book":
        return self

    def __exit__(self, *_: object) -> None:
        self._book.close()

    @property
    def sheets(self) -> list[str]:
        """Names of the sheets with cells, in the workbook's order."""
        return [sheet.title for sheet in self._book.worksheets]

    def is_hidden(self, sheet: str) -> bool:
        """True for a sheet that is not shown."""
        return bool(self._book[sheet].sheet_state != "visible")

    def rows(self, sheet: str) -> Iterator[GridRow]:
        """Yield the sheet's rows that are not blank. Of merged cells the first has the value; those below it in a merge of one
        column have it too, marked as spread."""
        parts = self._parts[sheet]
        merged = _Merged(parts)
        lines = iter(enumerate(self._book[sheet].iter_rows(), start=1))

        def next_row() -> GridRow | None:
            found = next(lines, None)
            if found is None:
                return None
            number, line = found
            cells = [_cell(cell, number, column, parts) for column, cell in enumerate(line, start=1)]
            return GridRow(number, merged.applied(number, cells), is_hidden=number in parts.hidden_rows)

        while (row := _guarded(next_row)) is not None:
            if not row.is_blank:
                yield row


def grids_of_workbook(data: bytes) -> list[Grid]:
    """Return every worksheet, in the workbook's order; raise as :class:`Book` does."""
    with Book(io.BytesIO(data), OF_FIGURES) as book:
        return [Grid(sheet, tuple(book.rows(sheet)), is_hidden=book.is_hidden(sheet)) for sheet in book.sheets]


class _Merged:
    """Cells under merged ranges, while rows go by."""

    def __init__(self, parts: SheetParts) -> None:
        self._first: dict[int, dict[int, tuple[int, int]]] = {}
        for top, left, bottom, right in parts.merged:
            for row in range(top, bottom + 1):
                of_row = self._first.setdefault(row, {})
                of_row.update(
                    {column: (top, left) for column in range(left, right + 1) if (row, column) != (top, left)}
                )
        self._anchors = {(top, left) for top, left, _, _ in parts.merged}
        self._columns = {(top, left) for top, left, _, right in parts.merged if left == right}
        self._values: dict[tuple[int, int], Cell] = {}

    def applied(self, row: int, cells: list[Cell]) -> tuple[Cell, ...]:
        """Return the row's cells as they count."""
        if not self._anchors:
            return tuple(cells)
        covered = self._first.get(row, {})
        cells += [Cell()] * (max(covered, default=0) - len(cells))
        for column, anchor in covered.items():
            spread = self._values.get(anchor) if anchor in self._columns else None
            cells[column - 1] = replace(spread, is_spread=True) if spread else Cell()
        for column, cell in enumerate(cells, start=1):
            if (row, column) in self._columns:
                self._values[row, column] = cell
        return tuple(cells)


def _guarded(work: Callable[[], _Result]) -> _Result:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # parts that openpyxl does not keep (validations, styles) hold no data
            return work()
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # openpyxl's own, and a place before the file's beginning
            raise
        raise FileFault("truncated") from error
    except _DAMAGED as error:
        raise FileFault("truncated") from error


def _refuse_foreign(file: BinaryIO) -> None:
    """Raise :class:`FileFault` for bytes that are no workbook which can be opened."""
    file.seek(0)
    start = file.read(len(_OLE_MAGIC))
    if not start:
        raise FileFault("empty_file")
    if start == _OLE_MAGIC:
        raise FileFault("encrypted" if _holds(file, _ENCRYPTED_STREAM) else "old_workbook")
    if not start.startswith(b"PK"):
        raise FileFault("not_a_workbook")


def _holds(file: BinaryIO, wanted: bytes) -> bool:
    before = b""
    while piece := file.read(_PIECE):
        if wanted in before + piece:
            return True
        before = piece[-len(wanted) :]
    return False


def _opened(file: BinaryIO) -> Workbook:
    book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
    for sheet in book.worksheets:
        sheet.reset_dimensions()  # what a sheet says of its size may be wrong
    return book


def _cell(cell: Any, row: int, column: int, parts: SheetParts) -> Cell:
    value = cell.value
    if value is None:
        return Cell(is_unevaluated=parts.is_formula(row, column))
    if cell.data_type == "e" or (isinstance(value, float) and not math.isfinite(value)):
        return Cell(value if str(value).startswith("#") else "#NUM!")
    plain = value if isinstance(value, _PLAIN) else str(value)
    return Cell(plain, cell.number_format or "General")
