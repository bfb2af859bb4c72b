"""Monthly series of KPI figures as published: what a run chart draws.

What lives here: the shape of a point and reading series. What does not: which figures there are (``mart_kpi_series``), charts.
"""

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, Literal, cast

from sqlalchemy import Engine, select

from kenpo_pipelines.serving.faults import translated
from kenpo_pipelines.serving.schema import kpi_series


@dataclass(frozen=True, slots=True)
class SeriesPoint:
    """One figure of one month as it was known on a scorecard's month: fiscal_year × branch_code × kpi_id × figure_as_of.

    ``value`` is rounded half-up to the KPI's printed precision. ``month_value`` is what the month itself adds, in the KPI's
    unit and unrounded: of a figure that adds up over the year the rate of the month's own cases (over a head count its own
    part of it; of a count its own increase), of all others the figure; None where the month before is lacking.
    ``month_cases`` are the cases that it stands on, None for counts.
    """

    fiscal_year: int
    branch_code: str
    kpi_id: str
    figure_as_of: str
    value: Decimal
    numerator: Decimal | None
    denominator: Decimal | None
    month_value: Decimal | None
    month_cases: Decimal | None
    source: Literal["computed", "reported"]
    figure_known_month: str


def series_points(engine: Engine, as_of: str) -> list[SeriesPoint]:
    """Return the figures of the fiscal year of ``as_of`` ('YYYY-MM') and of the two before, as that month was published.

    Ordered by fiscal year, branch, KPI and month; a month without a figure has no point. Empty when the month is not
    published, or was published last before there were series.
    """
    columns = [kpi_series.c[field.name] for field in fields(SeriesPoint)]
    query = select(*columns).where(kpi_series.c.as_of == as_of)
    with translated(engine, "read the series of figures"), engine.connect() as connection:
        points = [SeriesPoint(*cast("tuple[Any, ...]", row)) for row in connection.execute(query)]
    # sorted here, because databases may order text otherwise
    return sorted(points, key=lambda point: (point.fiscal_year, point.branch_code, point.kpi_id, point.figure_as_of))
