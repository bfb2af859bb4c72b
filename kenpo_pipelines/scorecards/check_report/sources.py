"""The sender's sheets as a report needs them: rows, and which column stands where.

What lives here: finding that for files of figures and for records. What does not: what may be shown (``shown``), and which rows
a report has room for (``sheets``).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kenpo_pipelines.scorecards.check_report.marks import MOST_MARKS, Spot
from kenpo_pipelines.submissions.columns import Column, ColumnType
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.faults import FileFault
from kenpo_pipelines.submissions.grids import BLANK, Cell, Grid, GridRow
from kenpo_pipelines.submissions.registration_sheet import is_registration_sheet, places_of_sheet
from kenpo_pipelines.submissions.streaming.head import Head
from kenpo_pipelines.submissions.streaming.picking import picked_rows
from kenpo_pipelines.submissions.submission import Problem
from kenpo_pipelines.submissions.tables import find_header
from kenpo_pipelines.submissions.texts import visible

NOT_READ = "（読まない列）"


@dataclass(frozen=True)
class Source:
    """One sheet. Positions count from 0; ``positions`` are those of columns by the header that problems name, ``columns`` the
    contract's by position. ``title`` is row number and position of the cell that tells the fiscal year, in a registration
    sheet. ``is_whole`` is False where ``body`` holds picked rows only."""

    sheet: str
    head: tuple[GridRow, ...]
    body: tuple[GridRow, ...]
    positions: Mapping[str, tuple[int, ...]]
    columns: Mapping[int, Column]
    title: tuple[int, int] | None = None
    is_whole: bool = True

    @cached_property
    def rows(self) -> Mapping[int, GridRow]:
        """All rows by their numbers."""
        return {row.number: row for row in (*self.head, *self.body)}

    def spot(self, problem: Problem) -> Spot:
        """Return where the problem is."""
        if self.title is not None and problem.column_name not in self.positions and problem.column_name:
            row, position = self.title
            return Spot(self.sheet, row, (position + 1,))
        columns = tuple(position + 1 for position in self.positions.get(problem.column_name, ()))
        return Spot(self.sheet, problem.row_number, columns)


def sources_of_figures(grids: Iterable[Grid], contract: Contract) -> dict[str, Source]:
    """Return the sheets that hold the dataset, by name, in their order; others are told of by the check's notices."""
    found: dict[str, Source] = {}
    for grid in grids:
        try:
            found[grid.sheet] = _registration(grid, contract) or _table(grid, contract)
        except FileFault:
            continue
    return found


def sources_of_records(path: Path, contract: Contract, problems: Iterable[Problem], context: int) -> dict[str, Source]:
    """Return the sheets with problems; of each the rows with problems and ``context`` rows before and after them.

    Raises :class:`FileFault` for a file that was exchanged since it was checked.
    """
    wanted: dict[str, set[int]] = {}
    for problem in list(problems)[:MOST_MARKS]:
        near = range(problem.row_number - context, problem.row_number + context + 1)
        wanted.setdefault(problem.sheet, set()).update(near)
    picked = picked_rows(path, contract, wanted)
    return {sheet: _records(sheet, head, rows, contract) for sheet, (head, rows) in picked.items()}


def _table(grid: Grid, contract: Contract) -> Source:
    header = find_header(grid, contract)
    positions = {visible(header.texts[name]): (at,) for name, at in header.columns.items()}
    columns = {at: contract.column_by_name[name] for name, at in header.columns.items()}
    first = header.last_index + 1
    return Source(grid.sheet, grid.rows[:first], grid.rows[first:], positions, columns)


def _registration(grid: Grid, contract: Contract) -> Source | None:
    layout = contract.registration_sheet
    if layout is None or not is_registration_sheet(grid, layout):
        return None
    places = places_of_sheet(grid, layout)
    target = contract.column_of(ColumnType.TARGET_VALUE)
    columns = {at: target for found in places.columns.values() for at in found if target is not None}
    positions = {visible(header): found for header, found in places.columns.items()}
    index, column = places.title
    first = places.last_head + 1
    title = (grid.rows[index].number, column)
    return Source(grid.sheet, grid.rows[:first], grid.rows[first:], positions, columns, title)


def _records(sheet: str, head: Head, rows: Iterable[GridRow], contract: Contract) -> Source:
    """Of the head only the headers that the contract knows are kept: in the place of another one anything may stand."""
    texts = {at: head.header.texts[name] for name, at in head.positions.items()}
    cells = tuple(Cell(texts.get(at, NOT_READ)) if text else BLANK for at, text in enumerate(head.header.cells))
    return Source(
        sheet,
        (GridRow(head.last_line, cells),),
        tuple(rows),
        {visible(text): (at,) for at, text in texts.items()},
        {at: contract.column_by_name[name] for name, at in head.positions.items()},
        is_whole=False,
    )
