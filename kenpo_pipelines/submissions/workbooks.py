"""Excel workbooks as grids of cells.

What lives here: opening .xlsx bytes, telling apart what cannot be opened, formulas, merged cells, hidden rows. What
does not: what the columns mean (``tables``, ``registration_sheet``).
"""

import datetime as dt
import io
import struct
import warnings
import zipfile
import zlib
from decimal import Decimal

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet.worksheet import Worksheet

from kenpo_pipelines.submissions.faults import FileFault
from kenpo_pipelines.submissions.grids import Cell, Grid, GridRow

_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
_DAMAGED_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,
    ValueError,
    OverflowError,
    struct.error,
    OSError,
)
"""What zipfile raises on flipped bytes (RuntimeError covers unknown versions and encrypted members)."""
DAMAGED_BOOK = (*_DAMAGED_ZIP, InvalidFileException, KeyError, TypeError, AttributeError, IndexError, SyntaxError)
"""What openpyxl raises on damaged parts."""
PLAIN = (str, int, float, bool, Decimal, dt.datetime, dt.date, dt.time, dt.timedelta)


def grids_of_workbook(data: bytes) -> list[Grid]:
    """Return every worksheet, in the workbook's order.

    Raises :class:`FileFault`: ``empty_file``, ``encrypted``, ``old_workbook``, ``not_a_workbook`` or ``truncated``.
    """
    refuse_foreign(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # parts that openpyxl does not keep (validations, styles) hold no data
            values = openpyxl.load_workbook(io.BytesIO(data), data_only=True)
            formulas = openpyxl.load_workbook(io.BytesIO(data), data_only=False)
    except DAMAGED_BOOK as error:
        raise FileFault("truncated") from error
    return [_grid(sheet, formulas[sheet.title]) for sheet in values.worksheets]


def refuse_foreign(data: bytes) -> None:
    """Raise :class:`FileFault` for bytes that are no workbook which can be opened."""
    if not data:
        raise FileFault("empty_file")
    if data.startswith(_OLE_MAGIC):
        raise FileFault("encrypted" if _ENCRYPTED_STREAM in data else "old_workbook")
    if not data.startswith(b"PK"):
        raise FileFault("not_a_workbook")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if archive.testzip() is not None:
                raise FileFault("truncated")
    except _DAMAGED_ZIP as error:
        raise FileFault("truncated") from error
    if not any(name.startswith("xl/workbook") and name.endswith(".xml") for name in names):
        raise FileFault("not_a_workbook")


def _grid(sheet: Worksheet, formulas: Worksheet) -> Grid:
    anchors = _vertical_merges(sheet)
    rows = []
    for number, line in enumerate(sheet.iter_rows(), start=1):
        cells = []
        for column, cell in enumerate(line, start=1):
            anchor = anchors.get((number, column))
            source_row = anchor if anchor else number
            source = sheet.cell(source_row, column) if anchor else cell
            value = source.value
            is_formula = formulas.cell(source_row, column).data_type == "f"
            cells.append(
                Cell(
                    value=value if value is None or isinstance(value, PLAIN) else str(value),
                    number_format=source.number_format or "General",
                    is_unevaluated=is_formula and value is None,
                    is_spread=anchor is not None,
                )
            )
        row = GridRow(number, tuple(cells), is_hidden=bool(sheet.row_dimensions[number].hidden))
        if not row.is_blank:
            rows.append(row)
    return Grid(sheet.title, tuple(rows), is_hidden=sheet.sheet_state != "visible")


def _vertical_merges(sheet: Worksheet) -> dict[tuple[int, int], int]:
    """Map each further cell (row, column) of a merge within one column to the row of its first: a branch's code
    merged over its KPI rows."""
    anchors = {}
    for merge in sheet.merged_cells.ranges:
        if merge.min_col == merge.max_col:
            for row in range(merge.min_row + 1, merge.max_row + 1):
                anchors[row, merge.min_col] = merge.min_row
    return anchors
