"""The sender's sheets with marks in their cells; of a long one the rows around them.

What lives here: which rows and columns a report has room for, and cells as they may be shown. What does not: reading the file
(``sources``), the rule of what may be shown (``shown``).
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from kenpo_pipelines.scorecards.check_report.marks import Spot
from kenpo_pipelines.scorecards.check_report.report import Kind, Mark, ReportCell, ReportRow, ReportSheet
from kenpo_pipelines.scorecards.check_report.shown import shown, shown_above
from kenpo_pipelines.scorecards.check_report.sources import Source
from kenpo_pipelines.submissions.cells import cell_text
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.grids import Cell, GridRow
from kenpo_pipelines.submissions.numerals import is_percent_format, number_of_cell
from kenpo_pipelines.submissions.streaming.cell_readers import UNEVALUATED

_OF_A_FINE_SHEET = 5
"""Rows shown of a long sheet without a mark, to tell which sheet it is."""

NO_RESULT = "（計算結果のない数式）"


@dataclass(frozen=True)
class Room:
    """How much of the sheets a report shows: sheets of at most ``whole_rows`` rows whole, of others ``context`` rows before and
    after a marked one; ``columns`` of a row; ``cells`` of all sheets together."""

    whole_rows: int
    context: int
    columns: int
    cells: int


PAGE_ROOM = Room(whole_rows=100, context=2, columns=60, cells=8_000)
"""A page of at most 2 MB with every cell as long as may be; 47 branches fit whole."""
BOOK_ROOM = Room(whole_rows=2_000, context=2, columns=200, cells=60_000)


def report_sheets(
    sources: Sequence[Source], contract: Contract, marks: Sequence[Mark], room: Room
) -> tuple[ReportSheet, ...]:
    """Return the sheets in their order, without those for which no room is left."""
    sheets: list[ReportSheet] = []
    left = room.cells
    for source in sources:
        sheet = _sheet(source, contract, [one for one in marks if one.sheet == source.sheet], room, left)
        if sheet is not None:
            left -= sum(len(row.cells) for row in sheet.rows)
            sheets.append(sheet)
    return tuple(sheets)


def shown_at(source: Source, contract: Contract, spot: Spot) -> str:
    """Return what a report may show of the cells at a spot; '' for a whole row, and for blank cells."""
    row = source.rows.get(spot.row)
    if row is None:
        return ""
    if NO_RESULT in (texts := [_text(row[column - 1]) for column in spot.columns]):
        return NO_RESULT
    is_head = any(one.number == spot.row for one in source.head)
    found = (
        shown_above(text, contract)[0]
        if is_head
        else shown(text, contract, source.columns.get(column - 1), is_faulty=True)[0]
        for text, column in zip(texts, spot.columns, strict=True)
    )
    return "・".join(text for text in found if text)


def _sheet(source: Source, contract: Contract, marks: Sequence[Mark], room: Room, cells: int) -> ReportSheet | None:
    at_cell: dict[tuple[int, int], list[Mark]] = defaultdict(list)
    at_row: dict[int, list[Mark]] = defaultdict(list)
    for mark in marks:
        for column in mark.columns:
            at_cell[mark.row, column].append(mark)
        if not mark.columns:
            at_row[mark.row].append(mark)
    rows = [*source.head, *source.body]
    widest = max((_width(row) for row in rows), default=0)
    width = min(widest, room.columns)
    chosen = _chosen(source, {mark.row for mark in marks}, room)[: cells // max(width, 1)]
    if not chosen:
        return None
    picked = [rows[at] for at in chosen]
    gaps = _gaps(chosen, rows, source.is_whole)
    heads = {row.number for row in source.head}
    return ReportSheet(
        source.sheet,
        tuple(
            ReportRow(
                row.number,
                tuple(
                    _cell(row[at], at, source, contract, at_cell.get((row.number, at + 1), ()), row.number in heads)
                    for at in range(width)
                ),
                tuple(at_row.get(row.number, ())),
                is_head=row.number in heads,
                is_hidden=row.is_hidden,
                left_out=gap,
            )
            for row, gap in zip(picked, gaps, strict=True)
        ),
        left_out_after=not source.is_whole or chosen[-1] < len(rows) - 1,
        columns_left_out=widest - width,
    )


def _chosen(source: Source, marked: Collection[int], room: Room) -> list[int]:
    """Positions of the rows to show: all of a short sheet, else the head and what stands near a mark."""
    head = len(source.head)
    rows = [*source.head, *source.body]
    if not source.is_whole or len(rows) <= room.whole_rows:
        return list(range(len(rows)))
    near = {
        other
        for at, row in enumerate(rows)
        if row.number in marked
        for other in range(max(at - room.context, 0), min(at + room.context + 1, len(rows)))
    }
    near = near or set(range(head, head + _OF_A_FINE_SHEET))
    return sorted({*range(head), *near})


def _gaps(chosen: Sequence[int], rows: Sequence[GridRow], is_whole: bool) -> Iterator[tuple[int, int] | None]:
    """For each row shown the numbers of the rows left out just before it. Of picked rows those are all between two of them."""
    before: int | None = None
    for at in chosen:
        if before is None or (is_whole and at == before + 1) or rows[at].number == rows[before].number + 1:
            yield None
        elif is_whole:
            yield rows[before + 1].number, rows[at - 1].number
        else:
            yield rows[before].number + 1, rows[at].number - 1
        before = at


def _cell(cell: Cell, at: int, source: Source, contract: Contract, marks: Sequence[Mark], is_head: bool) -> ReportCell:
    column = source.columns.get(at)
    text = _text(cell)
    if text == NO_RESULT:
        return ReportCell(NO_RESULT, Kind.NOTE, tuple(marks))
    if is_head and not source.is_whole:  # headers of the contract, and words of ours
        return ReportCell(text, Kind.VALUE if column is not None else Kind.NOTE, tuple(marks))
    told, kind = shown_above(text, contract) if is_head else shown(text, contract, column, is_faulty=bool(marks))
    return ReportCell(told, kind, tuple(marks), *_number(cell, kind))


def _number(cell: Cell, kind: Kind) -> tuple[Decimal | None, bool]:
    value = cell.value
    if kind is not Kind.VALUE or isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None, False
    return number_of_cell(value), is_percent_format(cell.number_format)


def _text(cell: Cell) -> str:
    return NO_RESULT if cell.is_unevaluated or cell.value == UNEVALUATED else cell_text(cell)


def _width(row: GridRow) -> int:
    return max((at for at, cell in enumerate(row.cells, start=1) if not cell.is_blank), default=0)
