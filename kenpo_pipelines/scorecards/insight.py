"""What the branch scorecard tells beside the judged row: the way so far, the way to the target, and where it will end.

What lives here: putting together, for each KPI of a branch's running year, its monthly figures, last month's judgement, the
expected path, the forecast for March, the deviation score (偏差値) and the persons still missing (残り件数). What does not: the
mathematics (``kenpo_pipelines.analysis``), planned counts (``catalogue.planned_counts``), judging, words (``insight_words``).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from kenpo_pipelines import fiscal
from kenpo_pipelines.analysis.expected import expected_path
from kenpo_pipelines.analysis.forecast import Forecast, march_forecast
from kenpo_pipelines.catalogue.model import Accumulation, Catalogue
from kenpo_pipelines.catalogue.planned_counts import is_planned_in_heads, remaining_count, rule_of
from kenpo_pipelines.catalogue.scorecard_line import ScorecardLine
from kenpo_pipelines.scorecards.branch_deviations import branch_deviations
from kenpo_pipelines.serving.series import SeriesPoint

Outlook = Literal["reaches", "open", "misses", ""]
"""March against the target: the whole range on the good side, the target inside the range, all on the bad side, unknown."""

_YEARS = 3
_WIDEST_POINTS = 50
"""A rate whose range covers more than half of what is possible is not shown: it says nothing."""
_ADDING_UP = (Accumulation.CUMULATIVE, Accumulation.COHORT)


@dataclass(frozen=True, slots=True)
class KpiInsight:
    """One KPI of one branch in the fiscal year of as_of.

    ``points`` are the figures by fiscal year (this one and up to two before, as far as the KPI means the same), by month.
    ``expected`` is the path to the target by month of this year, in the KPI's unit and unrounded; {} for KPIs that do not add
    up. ``previous`` is the row of the scorecard before, None without one of the same fiscal year. ``deviation`` compares with
    the branches whose figure is of the same month, as the rank does. ``remaining`` is a count of
    persons, ``is_rounding_assumed`` says that no document shows how the branch rounds the plan it counts to.
    """

    row: ScorecardLine
    previous: ScorecardLine | None
    points: Mapping[int, tuple[SeriesPoint, ...]]
    expected: Mapping[str, Decimal]
    forecast: Forecast | None
    outlook: Outlook
    deviation: Decimal | None
    remaining: int | None
    is_rounding_assumed: bool = False

    @property
    def same_month_last_year(self) -> SeriesPoint | None:
        """Last year's figure of the month that this year's newest figure belongs to."""
        if self.row.figure_as_of is None:
            return None
        month = fiscal.add_months(self.row.figure_as_of, -12)
        return next((one for one in self.points.get(self.row.fiscal_year - 1, ()) if one.figure_as_of == month), None)

    @property
    def expected_now(self) -> Decimal | None:
        """The expected path at the newest figure's month."""
        return self.expected.get(self.row.figure_as_of or "")

    @property
    def is_changed(self) -> bool:
        """True when the scorecard before judged otherwise."""
        return self.previous is not None and self.previous.outcome != self.row.outcome

    @property
    def point_count(self) -> int:
        """Figures of all years shown."""
        return sum(len(points) for points in self.points.values())

    @property
    def shown_values(self) -> list[Decimal]:
        """What a run chart makes room for, in no particular order.

        The range of the forecast only as far as the rest leaves the chart readable: where little is known it may go from
        nothing to everything.
        """
        values = [point.value for points in self.points.values() for point in points]
        values += self.expected.values()
        if self.row.target is not None:
            values.append(self.row.target)
        if self.forecast is not None:
            values.append(self.forecast.value)
            low, high = min(values), max(values)
            room = high - low
            values += [max(self.forecast.low, low - room), min(self.forecast.high, high + room)]
        return values


def insights(
    rows: Sequence[ScorecardLine],
    previous_rows: Iterable[ScorecardLine],
    series: Iterable[SeriesPoint],
    catalogue: Catalogue,
) -> list[KpiInsight]:
    """Return an insight for each row of the fiscal year of as_of, in the order of the rows.

    ``rows`` are those of one as_of and, for deviation scores, of all branches; those of earlier fiscal years are passed over.
    ``previous_rows`` are the scorecard before (empty when there is none). ``series`` are ``serving.series_points`` of as_of.
    """
    current = [row for row in rows if row.fiscal_year == fiscal.fiscal_year_of(row.as_of)]
    before = {(row.fiscal_year, row.branch_code, row.kpi_id): row for row in previous_rows}
    points: dict[tuple[str, str], list[SeriesPoint]] = defaultdict(list)
    for point in series:
        points[point.branch_code, point.kpi_id].append(point)
    scores = branch_deviations(current)
    return [
        _insight(
            row,
            before.get((row.fiscal_year, row.branch_code, row.kpi_id)),
            points[row.branch_code, row.kpi_id],
            scores.get((row.branch_code, row.kpi_id)),
            catalogue,
        )
        for row in current
    ]


def _insight(
    row: ScorecardLine,
    previous: ScorecardLine | None,
    points: Sequence[SeriesPoint],
    deviation: Decimal | None,
    catalogue: Catalogue,
) -> KpiInsight:
    by_year = {
        year: tuple(sorted((one for one in points if one.fiscal_year == year), key=lambda one: one.figure_as_of))
        for year in _comparable_years(catalogue, row)
    }
    shown = {year: of_year for year, of_year in by_year.items() if of_year}
    forecast = _forecast(row, shown, catalogue)
    rounding = rule_of(catalogue, row.branch_code, row.fiscal_year, row.kpi_id)
    return KpiInsight(
        row=row,
        previous=previous,
        points=shown,
        expected=_expected(row, shown, catalogue),
        forecast=forecast,
        outlook=_outlook(row, forecast),
        deviation=deviation,
        remaining=remaining_count(catalogue, row),
        is_rounding_assumed=rounding is not None and rounding.is_assumed,
    )


def _comparable_years(catalogue: Catalogue, row: ScorecardLine) -> list[int]:
    """This year and those before it, back to the year in which the KPI was redefined."""
    years = []
    for year in range(row.fiscal_year, row.fiscal_year - _YEARS, -1):
        years.append(year)
        version = catalogue.version(row.kpi_id, year)
        if version and version.fiscal_years.first == year and not version.is_comparable_with_previous:
            break
    return years


def _expected(
    row: ScorecardLine, points: Mapping[int, tuple[SeriesPoint, ...]], catalogue: Catalogue
) -> dict[str, Decimal]:
    version = catalogue.version(row.kpi_id, row.fiscal_year)
    if row.target is None or row.comparator != ">=" or version is None or version.ended_in:
        return {}  # of what should stay below its target, half of it at half-time is no aim
    if version.accumulation is not Accumulation.CUMULATIVE:
        return {}
    last_year = {one.figure_as_of: one.value for one in points.get(row.fiscal_year - 1, ())}
    return expected_path(last_year, row.target)


def _forecast(
    row: ScorecardLine, points: Mapping[int, tuple[SeriesPoint, ...]], catalogue: Catalogue
) -> Forecast | None:
    version = catalogue.version(row.kpi_id, row.fiscal_year)
    if version is None or version.ended_in:
        return None
    found = march_forecast(
        {one.figure_as_of: one.value for of_year in points.values() for one in of_year},
        row.fiscal_year,
        accumulates=version.accumulation in _ADDING_UP,
        places=row.precision,
        only_grows=is_planned_in_heads(version, row.branch_code),
        floor=Decimal(0),
        ceiling=Decimal(100) if row.unit == "%" else None,
    )
    says_nothing = found is not None and row.unit == "%" and found.high - found.low > _WIDEST_POINTS
    return None if says_nothing else found


def _outlook(row: ScorecardLine, forecast: Forecast | None) -> Outlook:
    if forecast is None or row.target is None or row.comparator not in (">=", "<="):
        return ""
    worst, best = (forecast.low, forecast.high) if row.comparator == ">=" else (-forecast.high, -forecast.low)
    target = row.target if row.comparator == ">=" else -row.target
    if worst >= target:
        return "reaches"
    return "misses" if best < target else "open"
