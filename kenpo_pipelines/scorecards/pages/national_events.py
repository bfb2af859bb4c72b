"""What happened in the month: outcomes that turned, submissions that are late or were refused, figures that are missing.

What lives here: finding and grouping these for the national overview. What does not: who is late (``automation`` works it out
and hands it over), restatements in words (``scorecards.restatement_words``), HTML.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from kenpo_pipelines import fiscal
from kenpo_pipelines.analysis.movers import movers
from kenpo_pipelines.catalogue.scorecard_line import Outcome
from kenpo_pipelines.scorecards import view
from kenpo_pipelines.scorecards.pages.japan import short_name
from kenpo_pipelines.scorecards.pages.national_figures import Cell, KpiColumn
from kenpo_pipelines.serving.queries import LedgerRow

_FEW = 12
"""So many branches are named at most."""
_MOST_MOVES = 12
_LEAST_CASES = 30
"""A rate of fewer cases jumps by chance alone: one tender of three is 33 points."""


@dataclass(frozen=True, order=True)
class LateSubmission:
    """One branch that is late with one dataset. ``period`` is the reporting month ``YYYY-MM`` or the fiscal year ``YYYY``;
    ``reason`` is Japanese for people (未提出, …).
    """

    period: str
    dataset: str
    dataset_name: str
    branch_code: str
    branch: str
    due_on: dt.date
    reason: str

    @property
    def period_text(self) -> str:
        """2025年6月分, 2025年度."""
        return fiscal.period_label(self.period)


@dataclass(frozen=True)
class LateLine:
    """The branches that are late with the same thing for the same reason."""

    first: LateSubmission
    branches: tuple[str, ...]


@dataclass(frozen=True)
class Turn:
    """A branch whose outcome of a KPI is not that of the month before."""

    kpi_id: str
    kpi: str
    branch_code: str
    branch: str
    old: Outcome
    new: Outcome
    old_figure: str
    new_figure: str


@dataclass(frozen=True)
class Move:
    """A branch whose figure moved otherwise than those of the others; ``score`` is in units of the branches' spread."""

    kpi_id: str
    kpi: str
    branch_code: str
    branch: str
    old_figure: str
    new_figure: str
    change: str
    score: Decimal
    is_better: bool


@dataclass(frozen=True)
class Gap:
    """KPIs of which just these branches have no figure, while others have one."""

    branches: tuple[str, ...]
    kpis: tuple[str, ...]

    @property
    def text(self) -> str:
        """Names where they are few, a number where they are many."""
        return "、".join(self.branches) if len(self.branches) <= _FEW else f"{len(self.branches)}支部"


@dataclass(frozen=True)
class DatasetLine:
    """The files of one dataset and month: how many, and what became of their rows."""

    dataset: str
    files: int
    rows_read: int
    rows_loaded: int
    rows_rejected: int
    refused: tuple[str, ...]


def late_lines(late: Iterable[LateSubmission]) -> list[LateLine]:
    """Group what is late by period, dataset, due date and reason."""
    groups: dict[tuple[str, str, dt.date, str], list[LateSubmission]] = defaultdict(list)
    for one in sorted(late):
        groups[one.period, one.dataset, one.due_on, one.reason].append(one)
    return [LateLine(group[0], tuple(short_name(one.branch) for one in group)) for group in groups.values()]


def turns(columns: Iterable[KpiColumn], previous: Mapping[tuple[str, str], Cell]) -> list[Turn]:
    """Return whose outcome turned since the month before; ``previous`` by KPI id and branch code. Branches only."""
    found = []
    for column in columns:
        for code, cell in column.cells.items():
            before = previous.get((column.head.kpi_id, code))
            if before is not None and before.row.outcome != cell.row.outcome:
                found.append(_turn(before, cell))
    return found


def _turn(before: Cell, now: Cell) -> Turn:
    row = now.row
    old_figure, new_figure = (
        f"{cell.figure}{row.unit if cell.row.value is not None else ''}" if cell.figure else view.NONE_MARK
        for cell in (before, now)
    )
    return Turn(
        row.kpi_id, row.kpi, row.branch_code, row.branch, before.row.outcome, row.outcome, old_figure, new_figure
    )


def movers_of_the_month(columns: Sequence[KpiColumn], previous: Sequence[KpiColumn]) -> list[Move]:
    """Return the branches whose figure of the month moved most unlike everybody's.

    Figures of neighbouring months only, no counts (large branches always move most), no rates of a few cases.
    """
    cell_of = {(column.head.kpi_id, code): cell for column in columns for code, cell in column.cells.items()}
    before, now = {}, {}
    for column in previous:
        for code, old in column.cells.items():
            new = cell_of.get((column.head.kpi_id, code))
            if new is None or old.row.value is None or new.row.value is None:
                continue
            if _are_neighbours(old, new) and _can_move(new):
                key = column.head.kpi_id, code
                before[key], now[key] = old.row.value, new.row.value
    lower_is_better = {column.head.kpi_id for column in columns if column.is_at_most}
    found = []
    for one in movers(before, now, lower_is_better, most=_MOST_MOVES):
        row = cell_of[one.kpi_id, one.branch_code].row
        old_figure, new_figure = (view.figure_text(value, row.precision, row.unit) for value in (one.before, one.now))
        change = view.figure_text(abs(one.change), row.precision, "ポイント" if row.unit == "%" else row.unit)
        sign = "＋" if one.change > 0 else "－" if one.change < 0 else "±"
        found.append(
            Move(
                one.kpi_id, row.kpi, one.branch_code, row.branch, old_figure, new_figure, f"{sign}{change}", one.score,
                one.is_better,
            )
        )  # fmt: skip
    return found


def _are_neighbours(old: Cell, new: Cell) -> bool:
    if old.row.figure_as_of is None or new.row.figure_as_of is None:
        return False
    return new.row.figure_as_of == fiscal.add_months(old.row.figure_as_of, 1)


def _can_move(cell: Cell) -> bool:
    if cell.row.kind == "count":
        return False
    return cell.row.denominator is None or cell.row.denominator >= _LEAST_CASES


def gaps(columns: Iterable[KpiColumn]) -> list[Gap]:
    """Return which branches lack a figure that others have; KPIs that the same branches lack stand together."""
    found: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for column in columns:
        lacking = tuple(short_name(c.row.branch) for c in column.cells.values() if not view.has_figure(c.row))
        if lacking and column.with_figure:
            found[lacking].append(column.head.kpi)
    return [Gap(branches, tuple(kpis)) for branches, kpis in found.items()]


def dataset_lines(ledger: Sequence[LedgerRow], month: str) -> list[DatasetLine]:
    """Return what came in the month's folder, by dataset."""
    groups: dict[str, list[LedgerRow]] = defaultdict(list)
    for row in ledger:
        if row.known_month == month:
            groups[row.dataset].append(row)
    return [
        DatasetLine(
            dataset,
            len(rows),
            sum(row.rows_read for row in rows),
            sum(row.rows_loaded for row in rows),
            sum(row.rows_rejected for row in rows),
            tuple(sorted(row.file for row in rows if row.status != "loaded")),
        )
        for dataset, rows in sorted(groups.items())
    ]
