"""The rows of a workbook of records, one after the other, as texts.

What lives here: which sheets hold records, cells as a person sees them. What does not: opening it (``workbooks``). A further
cell of a merge is blank: every record says for itself what it is about.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from kenpo_pipelines.submissions.cells import cell_text
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.faults import FileFault
from kenpo_pipelines.submissions.grids import Cell, GridRow
from kenpo_pipelines.submissions.limits import OF_RECORDS
from kenpo_pipelines.submissions.outside import open_file
from kenpo_pipelines.submissions.streaming.cell_readers import UNEVALUATED
from kenpo_pipelines.submissions.streaming.head import ROWS, Head, head_of_table
from kenpo_pipelines.submissions.workbooks import Book


@dataclass
class BookHeads:
    """The tables of a workbook by sheet, and the sheets that hold none of the dataset."""

    heads: dict[str, Head] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    """Sheets that are read although they are hidden."""


class WorkbookRows:
    """Opens a workbook; raises :class:`FileFault` as ``outside.open_file`` and ``workbooks.Book`` do."""

    def __init__(self, path: Path) -> None:
        self._file = open_file(path)
        try:
            self._book = Book(self._file, OF_RECORDS)
        except BaseException:
            self._file.close()
            raise

    @property
    def sheets(self) -> list[str]:
        """Names of the sheets, in the workbook's order."""
        return self._book.sheets

    def close(self) -> None:
        """Close the workbook."""
        self._file.close()

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
                if self._book.is_hidden(sheet):
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
        for row in self._book.rows(sheet):
            if row.number <= after:
                continue
            texts = GridRow(row.number, tuple(Cell(_text(cell)) for cell in row.cells))
            if not texts.is_blank:
                yield texts


def _text(cell: Cell) -> str:
    if cell.is_spread:
        return ""
    return UNEVALUATED if cell.is_unevaluated else cell_text(cell)
