"""Series and insights made by hand for the tests of branch pages and workbooks.

What lives here: points of 東京 for the rows of ``scorecard_samples``, and the project's catalogue. What does not: expectations.
"""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

from scorecard_samples import rows_tokyo

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.loading import load_catalogue
from kenpo_pipelines.catalogue.model import Catalogue
from kenpo_pipelines.scorecards import ScorecardRow
from kenpo_pipelines.scorecards.insight import KpiInsight, insights
from kenpo_pipelines.serving.series import SeriesPoint
from kenpo_pipelines.settings import CHECKOUT

TOKYO = "13"


@cache
def catalogue() -> Catalogue:
    """The project's own catalogue."""
    return load_catalogue(CHECKOUT / "kenpo_pipelines" / "catalogue")


def points(kpi_id: str, first: str, values: Iterable[str], branch_code: str = TOKYO) -> list[SeriesPoint]:
    """Points of consecutive months from ``first``; ``-`` leaves a month out."""
    made = []
    for index, value in enumerate(values):
        month = fiscal.add_months(first, index)
        if value != "-":
            made.append(
                SeriesPoint(
                    fiscal.fiscal_year_of(month), branch_code, kpi_id, month, Decimal(value), None, None, None, None,
                    "reported", month,
                )
            )  # fmt: skip
    return made


def climbing(kpi_id: str, first: str, march: str, months: int = 12) -> list[SeriesPoint]:
    """A year that goes straight up to its March, at one decimal."""
    step = Decimal(march) / 12
    return points(kpi_id, first, [f"{(step * number):.1f}" for number in range(1, months + 1)])


def series_tokyo() -> list[SeriesPoint]:
    """Two years and two months of dependants' check-ups and of visits, four months of committee offices."""
    visits = [f"{30 + (number * 7) % 5}.{number % 10}" for number in range(26)]
    return [
        *climbing("checkup_rate_dependants", "2023-04", "30.0"),
        *climbing("checkup_rate_dependants", "2024-04", "32.7"),
        *points("checkup_rate_dependants", "2025-04", ["1.4", "3.4"]),
        *points("untreated_visit_rate_10m", "2023-04", visits),
        *points("committee_offices", "2025-02", ["12500", "12680", "12900", "12978"]),
    ]


def insights_tokyo(rows: Iterable[ScorecardRow] | None = None, **previous: Any) -> list[KpiInsight]:
    """Insights of 東京 as of 2025-06; ``previous`` are outcomes of the month before by KPI id, the others unchanged."""
    current = list(rows_tokyo() if rows is None else rows)
    before = [
        replace(row, as_of="2025-05", outcome=previous.get(row.kpi_id, row.outcome))
        for row in current
        if row.fiscal_year == 2025
    ]
    return insights(current, before, series_tokyo(), catalogue())
