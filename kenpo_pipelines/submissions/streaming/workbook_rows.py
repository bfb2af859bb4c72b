"""The rows of a workbook, one after the other: a sheet is never held as a whole.

What lives here: openpyxl's reading of values beside formulas, as texts. What does not: telling apart what cannot be opened
(``workbooks``). Merged cells and hidden rows are not seen this way: a further cell of a merge is blank.
"""

import io
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.workbook import Workbook

from kenpo_pipelines.submissions.cells import cell_text
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.faults import FileFault
from kenpo_pipelines.submissions.grids import Cell, GridRow
from kenpo_pipelines.submissions.streaming.cell_readers import UNEVALUATED
from kenpo_pipelines.submissions.streaming.head import ROWS, Head, head_of_table
from kenpo_pipelines.submissions.workbooks import DAMAGED_BOOK, PLAIN, refuse_foreign


@dataclass
class BookHeads:
    """The tables of a workbook by sheet, and the sheets that hold none of the dataset."""

    heads: dict[str, Head] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    """Sheets that are read although they are hidden."""


class WorkbookRows:
    """Opens a workbook; raises :class:`FileFault` as ``workbooks.grids_of_workbook`` does."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        refuse_foreign(data)
        self._values = _opened(data, data_only=True)
        self._formulas = _opened(data, data_only=False) if _has_formulas(data) else None

    @property
    def sheets(self) -> list[str]:
        """Names of the sheets, in the workbook's order."""
        return list(self._values.sheetnames)

    def close(self) -> None:
        """Close the workbook."""
        for book in (self._values, self._formulas):
            if book is not None:
                book.close()

    def heads(self, contract: Contract) -> BookHeads:
        """Return the table of every sheet that has the contract's header.

        Raises :class:`FileFault` of the first filled sheet when none has it, ``empty_file`` when all are empty.
        """
        found = BookHeads()
        refusals: list[FileFault] = []
        for sheet in self.sheets:
            first = list(islice(self.rows(sheet), ROWS))
            if not first:
                continue
            try:
                found.heads[sheet] = head_of_table(first, sheet, contract)
                if self._values[sheet].sheet_state != "visible":
                    found.hidden.append(sheet)
            except FileFault as fault:
                if fault.code != "wrong_columns":
                    raise
                refusals.append(fault)
                found.others.append(sheet)
        if not found.heads:
            raise refusals[0] if refusals else FileFault("empty_file")
        return found

    def rows(self, sheet: str, after: int = 0) -> Iterator[GridRow]:
        """Yield the sheet's rows that are not blank; texts as a person sees them."""
        formulas = _rows(self._formulas, sheet) if self._formulas else iter(())
        for number, line in enumerate(_rows(self._values, sheet), start=1):
            beside = next(formulas, ())
            if number <= after:
                continue
            cells = tuple(Cell(_text(cell, beside, at)) for at, cell in enumerate(line))
            row = GridRow(number, cells)
            if not row.is_blank:
                yield row


def _opened(data: bytes, data_only: bool) -> Workbook:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # parts that openpyxl does not keep (validations, styles) hold no data
            book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=data_only)
            for sheet in book.worksheets:
                sheet.reset_dimensions()
    except DAMAGED_BOOK as error:
        raise FileFault("truncated") from error
    return book


def _has_formulas(data: bytes) -> bool:
    """True when a sheet may hold a formula: only then are formulas read beside the values."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            if name.startswith("xl/worksheets/"):
                with archive.open(name) as sheet:
                    before = b""
                    while piece := sheet.read(1 << 20):
                        if b"<f>" in before + piece or b"<f " in before + piece:
                            return True
                        before = piece[-3:]
    return False


def _rows(book: Workbook, sheet: str) -> Iterator[tuple[Any, ...]]:
    rows = iter(book[sheet].iter_rows())
    while True:
        try:
            row = next(rows, None)
        except DAMAGED_BOOK as error:
            raise FileFault("truncated") from error
        if row is None:
            return
        yield row


def _text(cell: Any, formulas: tuple[Any, ...], at: int) -> str:
    value = cell.value
    if value is None:
        is_formula = at < len(formulas) and formulas[at].data_type == "f"
        return UNEVALUATED if is_formula else ""
    return cell_text(Cell(value if isinstance(value, PLAIN) else str(value), cell.number_format or "General"))
