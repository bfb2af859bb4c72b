"""Monthly series of KPI figures as published: what a run chart draws.

What lives here: the shape of a point and reading series. What does not: which figures there are (``mart_kpi_series``), charts.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal


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
