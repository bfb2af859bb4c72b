"""The run chart of one KPI: where its lines, points and labels stand in a small picture (SVG).

What lives here: the geometry, from figures to places in a picture of 360 × 172. What does not: the SVG itself
(``run_chart.svg.j2``), colours (``branch_page.css``), words around the chart. Of this one form a month needs a thousand, and
each costs a millisecond; Vega needs forty (decision 028). Places are floats, rounded to a tenth of a pixel; figures in labels
are exact.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from kenpo_pipelines import fiscal
from kenpo_pipelines.analysis.forecast import Forecast
from kenpo_pipelines.scorecards import insight_words, view
from kenpo_pipelines.scorecards.chart_scale import Scale, scale_around
from kenpo_pipelines.scorecards.insight import KpiInsight
from kenpo_pipelines.serving.series import SeriesPoint

_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 272, 20, 145
_STEP = (_RIGHT - _LEFT) / 11
_LABEL_HEIGHT = 12.5
_KINDS = ("now", "last", "before")


@dataclass(frozen=True, slots=True)
class Place:
    """A point of the picture, with what it stands for."""

    x: float
    y: float
    text: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One series: ``kind`` is now, last, before or expected, and decides dashes and marks."""

    kind: str
    places: tuple[Place, ...]

    @property
    def path(self) -> str:
        """The places as the attribute ``points`` of a polyline."""
        return " ".join(f"{place.x:.1f},{place.y:.1f}" for place in self.places)


@dataclass(frozen=True, slots=True)
class Label:
    """Words at the right border."""

    kind: str
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Bar:
    """The forecast at ``y`` with the ends of its range; an end that lies outside the picture is cut at its border."""

    x: float
    y: float
    low: float
    high: float
    is_low_cut: bool
    is_high_cut: bool


@dataclass(frozen=True, slots=True)
class RunChart:
    """All that the template draws; see the fields of :class:`Line` for the kinds."""

    unit: str
    description: str
    ticks: tuple[Place, ...]
    months: tuple[Place, ...]
    lines: tuple[Line, ...]
    target_y: float | None
    forecast: Bar | None
    same_month: Place | None
    newest: Place | None
    labels: tuple[Label, ...]


def run_chart(one: KpiInsight) -> RunChart | None:
    """Return the chart of a KPI; None with fewer than two figures, of which nothing can be seen to run."""
    if one.point_count < 2:
        return None
    row, year = one.row, one.row.fiscal_year
    scale = scale_around(one.shown_values, is_percentage=row.unit == "%")
    lines = [
        Line(kind, tuple(_place(scale, point.figure_as_of, point.value, _point_text(one, point)) for point in points))
        for kind, points in ((_KINDS[year - of_year], points) for of_year, points in sorted(one.points.items()))
    ]
    if one.expected:
        way = tuple(_place(scale, month, value) for month, value in sorted(one.expected.items()))
        lines.insert(len(lines) - (year in one.points), Line("expected", way))
    same = one.same_month_last_year
    own = one.points.get(year, ())
    return RunChart(
        unit=row.unit,
        description=insight_words.chart_description(one),
        ticks=tuple(Place(_LEFT, _y(scale, value), text) for value, text in scale.ticks),
        months=tuple(
            Place(_x(month), _BOTTOM + 15, str(fiscal.split_month(month)[1]))
            for month in fiscal.month_range(fiscal.first_month(year), fiscal.year_end(year))
        ),
        lines=tuple(lines),
        target_y=None if row.target is None else _y(scale, row.target),
        forecast=None if one.forecast is None else _bar(scale, one.forecast),
        same_month=None if same is None else _place(scale, same.figure_as_of, same.value),
        newest=_place(scale, own[-1].figure_as_of, own[-1].value, _plain(one, own[-1].value)) if own else None,
        labels=_labels(one, scale),
    )


def _y(scale: Scale, value: Decimal | float) -> float:
    return round(_BOTTOM - scale.share(value) * (_BOTTOM - _TOP), 1)


def _place(scale: Scale, month: str, value: Decimal, text: str = "") -> Place:
    return Place(_x(month), _y(scale, value), text)


def _x(month: str) -> float:
    """April stands left, March right, whatever the year."""
    return round(_LEFT + _STEP * ((fiscal.split_month(month)[1] - 4) % 12), 1)


def _plain(one: KpiInsight, value: Decimal) -> str:
    return view.figure_text(value, one.row.precision, "")


def _point_text(one: KpiInsight, point: SeriesPoint) -> str:
    return f"{fiscal.month_label(point.figure_as_of)} {insight_words.figure(one, point.value)}"


def _bar(scale: Scale, forecast: Forecast) -> Bar:
    low, high = _y(scale, forecast.low), _y(scale, forecast.high)
    return Bar(
        x=_x(forecast.month),
        y=_y(scale, forecast.value),
        low=min(low, _BOTTOM),
        high=max(high, _TOP),
        is_low_cut=low > _BOTTOM,
        is_high_cut=high < _TOP,
    )


def _labels(one: KpiInsight, scale: Scale) -> tuple[Label, ...]:
    """Names at the right border of what ends there, moved apart where they would cover each other."""
    row = one.row
    labels = []
    if row.target is not None:
        labels.append(Label("target", _y(scale, row.target), f"目標 {_plain(one, row.target)}"))
    if one.forecast is not None:
        labels.append(Label("forecast", _y(scale, one.forecast.value), f"見込 {_plain(one, one.forecast.value)}"))
    for of_year, points in one.points.items():
        if of_year < row.fiscal_year and points[-1].figure_as_of == fiscal.year_end(of_year):
            name = fiscal.wareki(of_year).removeprefix("令和").removesuffix("年度")
            kind = _KINDS[row.fiscal_year - of_year]
            labels.append(Label(kind, _y(scale, points[-1].value), f"{name}年 {_plain(one, points[-1].value)}"))
    return tuple(_apart(labels))


def _apart(labels: Iterable[Label]) -> list[Label]:
    """Keep the order and the least distance, first pressing down, then up from the lower border."""
    ordered = sorted(labels, key=lambda label: (label.y, label.kind))
    heights: list[float] = []
    for label in ordered:
        heights.append(max(label.y, heights[-1] + _LABEL_HEIGHT) if heights else max(label.y, _TOP))
    lowest = float(_BOTTOM)
    for index in range(len(heights) - 1, -1, -1):
        heights[index] = min(heights[index], lowest)
        lowest = heights[index] - _LABEL_HEIGHT
    return [Label(label.kind, round(y, 1), label.text) for label, y in zip(ordered, heights, strict=True)]
