"""What the charts of the national overview stand on: limits and signals, worked out exactly before anything is drawn.

What lives here: the funnel of a KPI, the control chart of a KPI and branch, and why there is none where there is none. What
does not: the mathematics (``kenpo_pipelines.analysis``), drawing (``national.js``).
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from kenpo_pipelines import fiscal
from kenpo_pipelines.analysis.control import FIRM_FROM, xmr
from kenpo_pipelines.analysis.funnel import Where, dispersion, funnel, where
from kenpo_pipelines.scorecards.branch_deviations import LEAST_BRANCHES
from kenpo_pipelines.scorecards.pages.national_figures import KpiColumn
from kenpo_pipelines.scorecards.rows import ScorecardRow
from kenpo_pipelines.serving.series import SeriesPoint

_MOST_CASES = 20_000_000
"""No branch has so many members: a larger denominator is an amount of money or medicine, where chance has no binomial width."""
_CURVE_POINTS = 36
_RANGE_FACTOR = Decimal("3.268")
"""D4 for ranges of two values: the upper limit of the moving range (Wheeler, Shewhart)."""
_ZONES = {Where.LOW_998: -2, Where.LOW_95: -1, Where.INSIDE: 0, Where.HIGH_95: 1, Where.HIGH_998: 2}


@dataclass(frozen=True)
class FunnelPoint:
    """One branch: cases, rate in %, and where it lies: -2 below 99.8 %, -1 below 95 %, 0 within, 1, 2 above."""

    branch_code: str
    cases: int
    rate_pct: Decimal
    zone: int


@dataclass(frozen=True)
class Funnel:
    """``limits`` are rows of cases and the limits in % (low95, high95, low998, high998), by ascending cases.

    ``spread``: how many times as wide as chance alone the branches lie.
    """

    centre_pct: Decimal
    spread: Decimal | None
    points: tuple[FunnelPoint, ...]
    limits: tuple[tuple[int, Decimal, Decimal, Decimal, Decimal], ...]


@dataclass(frozen=True)
class ControlChart:
    """Monthly values (None where a month has none) with natural limits, and the upper one of the moving range.

    ``signals`` are (first month, last month, words), the months as positions in the values.
    """

    values: tuple[Decimal | None, ...]
    centre: Decimal
    upper: Decimal
    lower: Decimal
    range_upper: Decimal
    signals: tuple[tuple[int, int, str], ...]


def funnel_of(column: KpiColumn) -> Funnel | str:
    """Return the funnel of a rate, or in Japanese why it cannot be drawn."""
    if column.head.kind != "rate":
        return "件数の比ではない指標のため、偶然による幅を計算できません。"
    rows = [cell.row for cell in column.cells.values() if cell.row.figure_as_of is not None and not cell.state]
    counted = {row.branch_code: pair for row in rows if (pair := _counts(row)) is not None}
    if not counted:
        return "分子・分母の件数が報告されていないため、偶然による幅を計算できません。"
    if max(cases for _, cases in counted.values()) > _MOST_CASES:
        return "分母が人数や件数ではなく金額や数量のため、偶然による幅を計算できません。"
    if len(counted) < LEAST_BRANCHES:
        return f"分子・分母のある支部が{len(counted)}支部だけのため、描きません（{LEAST_BRANCHES}支部から）。"
    total, cases_of_all = (sum(pair[part] for pair in counted.values()) for part in (0, 1))
    centre = Decimal(total) * 100 / Decimal(cases_of_all)
    own = [cases for _, cases in counted.values()]
    curve = funnel(centre, _curve(min(own), max(own)))
    return Funnel(
        centre,
        dispersion(counted.values(), centre),
        tuple(_point(code, numerator, cases, centre) for code, (numerator, cases) in counted.items()),
        tuple((one.size, one.low95, one.high95, one.low998, one.high998) for one in curve),
    )


def _counts(row: ScorecardRow) -> tuple[int, int] | None:
    """Numerator and denominator where they are whole numbers of cases."""
    numerator, denominator = row.numerator, row.denominator
    if numerator is None or denominator is None or denominator <= 0 or not 0 <= numerator <= denominator:
        return None
    if numerator != numerator.to_integral_value() or denominator != denominator.to_integral_value():
        return None
    return int(numerator), int(denominator)


def _curve(least: int, most: int) -> list[int]:
    """Sizes along the axis, evenly on its logarithmic scale, a little beyond both ends."""
    low, high = math.log(max(1.0, least * 0.9)), math.log(most * 1.1 + 1)
    steps = (low + (high - low) * step / (_CURVE_POINTS - 1) for step in range(_CURVE_POINTS))
    return sorted({max(1, round(math.exp(step))) for step in steps})


def _point(code: str, numerator: int, cases: int, centre_pct: Decimal) -> FunnelPoint:
    rate = Decimal(numerator) * 100 / Decimal(cases)
    return FunnelPoint(code, cases, rate, _ZONES[where(numerator, cases, centre_pct)])


def control_charts(
    series: Iterable[SeriesPoint], months: Sequence[str], columns: Iterable[KpiColumn]
) -> dict[str, dict[str, ControlChart]]:
    """Return control charts by KPI and branch code (00 too), for those with enough months."""
    by_key: dict[tuple[str, str], dict[str, Decimal]] = defaultdict(dict)
    for point in series:
        if point.month_value is not None:
            by_key[point.kpi_id, point.branch_code][point.figure_as_of] = point.month_value
    found: dict[str, dict[str, ControlChart]] = {}
    for column in columns:
        codes = ["00", *column.cells]
        charts = {code: _control(by_key.get((column.head.kpi_id, code), {}), months, column.head) for code in codes}
        found[column.head.kpi_id] = {code: chart for code, chart in charts.items() if chart is not None}
    return found


def _control(values: dict[str, Decimal], months: Sequence[str], head: ScorecardRow) -> ControlChart | None:
    known = [month for month in months if month in values]
    chart = xmr([values[month] for month in known]) if len(known) >= FIRM_FROM else None
    if chart is None:
        return None
    is_rate = head.kind == "rate"
    places = [months.index(month) for month in known]
    return ControlChart(
        values=tuple(values.get(month) for month in months),
        centre=chart.centre,
        upper=min(chart.upper, Decimal(100)) if is_rate else chart.upper,
        lower=max(chart.lower, Decimal(0)),  # no KPI has a figure below nought
        range_upper=_RANGE_FACTOR * sum(chart.ranges, Decimal()) / len(chart.ranges),
        signals=tuple((places[one.first], places[one.index], one.text) for one in chart.signals),
    )


def months_of(series: Iterable[SeriesPoint]) -> list[str]:
    """Return every month from the first figure to the last one; none without figures."""
    found = sorted({point.figure_as_of for point in series})
    return list(fiscal.month_range(found[0], found[-1])) if found else []


def funnel_data(found: Funnel | str) -> dict[str, Any]:
    """The funnel as the script reads it."""
    if isinstance(found, str):
        return {"why": found}
    return {
        "centre": _short(found.centre_pct),
        "spread": found.spread,
        "points": [[p.branch_code, p.cases, _short(p.rate_pct), p.zone] for p in found.points],
        "limits": [[size, *map(_short, bounds)] for size, *bounds in found.limits],
    }


def control_data(chart: ControlChart, precision: int) -> dict[str, Any]:
    """A control chart as the script reads it; two decimals beyond the printed ones are enough to draw."""
    return {
        "v": [None if value is None else _short(value, precision + 2) for value in chart.values],
        "c": _short(chart.centre, precision + 2),
        "u": _short(chart.upper, precision + 2),
        "l": _short(chart.lower, precision + 2),
        "r": _short(chart.range_upper, precision + 2),
        "s": [list(signal) for signal in chart.signals],
    }


def _short(value: Decimal, decimals: int = 4) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-decimals))
