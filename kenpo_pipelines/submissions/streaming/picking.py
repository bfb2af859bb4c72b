"""Single rows of a record-level file, picked by their numbers for the person who sent it.

What lives here: going through the file once more, no further than the last row wanted. What does not: what of a row may be
shown. Row numbers are those of the reading (``reading``).
"""

import csv
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.grids import Cell, GridRow
from kenpo_pipelines.submissions.streaming.file_bytes import text_lines
from kenpo_pipelines.submissions.streaming.head import CsvHead, Head, head_of_csv
from kenpo_pipelines.submissions.streaming.workbook_rows import WorkbookRows


def picked_rows(
    path: Path, contract: Contract, wanted: Mapping[str, Collection[int]]
) -> dict[str, tuple[Head, list[GridRow]]]:
    """Return by sheet ('' for CSV) its head and the rows of those numbers, ascending; no sheets of which none is wanted.

    Raises :class:`FileFault` as the reading does: the file may have been exchanged since.
    """
    if path.name.lower().endswith(".xlsx"):
        return _of_workbook(path, contract, wanted)
    head = head_of_csv(path, contract)
    numbers = frozenset(wanted.get("", ()))
    return {"": (head.table, list(_of_csv(path, head, numbers)))} if numbers else {}


def _of_csv(path: Path, head: CsvHead, wanted: frozenset[int]) -> Iterator[GridRow]:
    first = head.table.last_line
    reader = csv.reader(text_lines(path, head.encoding, first, head.most_bytes), delimiter=head.delimiter, strict=True)
    last, start = max(wanted), first + 1
    try:
        for cells in reader:
            number, start = start, first + reader.line_num + 1
            if number in wanted:
                yield GridRow(number, tuple(map(Cell, cells)))
            if start > last:
                return
    except csv.Error:
        return  # the reading told it: what comes before can be shown


def _of_workbook(
    path: Path, contract: Contract, wanted: Mapping[str, Collection[int]]
) -> dict[str, tuple[Head, list[GridRow]]]:
    book = WorkbookRows(path)
    try:
        found: dict[str, tuple[Head, list[GridRow]]] = {}
        for sheet, head in book.heads(contract).heads.items():
            numbers = frozenset(wanted.get(sheet, ()))
            if numbers:
                found[sheet] = (head, list(_numbered(book.rows(sheet, after=head.last_line), numbers)))
        return found
    finally:
        book.close()


def _numbered(rows: Iterator[GridRow], wanted: frozenset[int]) -> Iterator[GridRow]:
    last = max(wanted)
    for row in rows:
        if row.number > last:
            return
        if row.number in wanted:
            yield row
