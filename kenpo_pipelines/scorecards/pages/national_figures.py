"""The nation's KPIs by branch: what stands in a cell, a column and a line of the national overview.

What lives here: choosing and comparing published figures of one month. What does not: charts (``national_charts``), what
happened in the month (``national_events``), HTML.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.model import NATION
from kenpo_pipelines.catalogue.scorecard_line import Outcome
from kenpo_pipelines.scorecards import view
from kenpo_pipelines.scorecards.branch_deviations import branch_deviations
from kenpo_pipelines.scorecards.rows import ScorecardRow
from kenpo_pipelines.serving.series import SeriesPoint

DEVIATION_BOUNDS = (Decimal(40), Decimal(45), Decimal(55), Decimal(60))
"""Where one shade ends and the next, better one begins."""
CLEAR_LEAD = Decimal(5)
"""Points of 対計画値 from the target within which a branch is near it."""


@dataclass(frozen=True)
class Cell:
    """One KPI of one branch. ``state`` is the figure's month where it is not the one that most branches share."""

    row: ScorecardRow
    deviation: Decimal | None
    state: str

    @property
    def figure(self) -> str:
        """The figure as printed, without its unit, which stands in the column's head."""
        if self.row.value is not None:
            return view.figure_text(self.row.value, self.row.precision, "")
        return self.row.value_text if view.has_figure(self.row) else ""

    @property
    def mark(self) -> str:
        """○ × ―."""
        return view.OUTCOME_MARKS[self.row.outcome]

    @property
    def remarks(self) -> str:
        """What a reader must know beside the figure: its own month, why it is not judged, doubts, flags; often nothing."""
        doubts = [f"{view.WARNING_MARK}{line.strip()}" for line in self.row.notes.splitlines() if line.strip()]
        flags = [f"{view.FLAG_MARK} {line}" for line in view.flags(self.row)]
        reasons = [line.strip() for line in self.row.reason_text.splitlines() if line.strip()]
        return "、".join([*([self.state] if self.state else []), *reasons, *doubts, *flags])

    @property
    def deviation_class(self) -> str:
        """The shade by deviation score, best d5 … worst d1; empty without a score."""
        if self.deviation is None:
            return ""
        return f"d{1 + sum(self.deviation >= bound for bound in DEVIATION_BOUNDS)}"

    @property
    def target_class(self) -> str:
        """The shade by the target: t4 attained with room, t3 attained, t2 nearly, t1 far from it; empty when not judged."""
        if self.row.outcome == "not_evaluable":
            return ""
        is_met, ratio = self.row.outcome == "attained", self.row.ratio_to_target
        lead = Decimal(0) if ratio is None else ratio - 100 if self.row.direction == "at_least" else 100 - ratio
        if is_met:
            return "t4" if lead >= CLEAR_LEAD else "t3"
        return "t2" if ratio is not None and lead >= -CLEAR_LEAD else "t1"


@dataclass(frozen=True)
class KpiColumn:
    """One KPI: the nation's cell if there is one, those of branches by code. ``head`` is any row of it, for what all share."""

    head: ScorecardRow
    state: str
    nation: Cell | None
    cells: Mapping[str, Cell]

    @property
    def counts(self) -> dict[Outcome, int]:
        """Branches by outcome."""
        return view.outcome_counts(cell.row for cell in self.cells.values())

    @property
    def with_figure(self) -> int:
        """Branches that have a figure."""
        return sum(view.has_figure(cell.row) for cell in self.cells.values())

    @property
    def with_deviation(self) -> int:
        """Branches that have a deviation score."""
        return sum(cell.deviation is not None for cell in self.cells.values())

    @property
    def is_at_most(self) -> bool:
        """True where lower is better."""
        return self.head.direction == "at_most"


@dataclass(frozen=True)
class LastYear:
    """The nation's figure of the same month a year before; ``is_better``: this year's is better, None when they are equal."""

    text: str
    is_better: bool | None


def same_month_last_year(columns: Iterable[KpiColumn], series: Iterable[SeriesPoint]) -> dict[str, LastYear]:
    """Return by KPI id what the nation had a year before its present figure, where the series knows it."""
    values = {(point.kpi_id, point.figure_as_of): point.value for point in series if point.branch_code == NATION}
    found = {}
    for column in columns:
        row = None if column.nation is None else column.nation.row
        if row is None or row.value is None or row.figure_as_of is None:
            continue
        old = values.get((row.kpi_id, fiscal.add_months(row.figure_as_of, -12)))
        if old is not None:
            is_higher = None if row.value == old else row.value > old
            is_better = None if is_higher is None else is_higher != column.is_at_most
            found[row.kpi_id] = LastYear(view.figure_text(old, row.precision, row.unit), is_better)
    return found


def target_text(row: ScorecardRow) -> str:
    """The target as printed: 60.2%以上, 実施; empty for none."""
    if row.target is None:
        return row.target_text.strip()
    return view.figure_text(row.target, row.precision, row.unit, view.target_suffix(row))


def kpi_columns(rows: Iterable[ScorecardRow]) -> list[KpiColumn]:
    """Return the KPIs of one fiscal year's rows, group by group in their order, each with its cells."""
    by_kpi: dict[str, list[ScorecardRow]] = defaultdict(list)
    for of_group in view.by_group(rows).values():
        for row in of_group:
            by_kpi[row.kpi_id].append(row)
    return [_column(sorted(of_kpi, key=lambda row: row.branch_code)) for of_kpi in by_kpi.values()]


def _column(rows: Sequence[ScorecardRow]) -> KpiColumn:
    of_branches = [row for row in rows if row.branch_code != NATION]
    state = view.common_state(of_branches or rows)
    scores = branch_deviations(of_branches)
    cells = {
        row.branch_code: Cell(row, scores.get((row.branch_code, row.kpi_id)), _own_state(row, state)) for row in rows
    }
    nation = cells.pop(NATION, None)
    # a branch's row names the unit that the column shows: the nation may be counted otherwise (41支部 beside 実施)
    return KpiColumn((of_branches or rows)[0], state, nation, cells)


def _own_state(row: ScorecardRow, common: str) -> str:
    own = view.figure_state(row)
    return "" if own == common else own
