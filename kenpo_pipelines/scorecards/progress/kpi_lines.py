"""KPIs of a progress report: what each quarter has.

What lives here: which numbers of a KPI a quarter shows. What does not: marks, order and words.
"""

from collections.abc import Iterable

from kenpo_pipelines.catalogue.model import Accumulation, KpiVersion
from kenpo_pipelines.scorecards.progress.quarters import NONE, Quarters, of_cumulative, of_levels
from kenpo_pipelines.scorecards.rows import ScorecardRow
from kenpo_pipelines.serving.series import SeriesPoint


def quarters_of(
    row: ScorecardRow, version: KpiVersion, points: Iterable[SeriesPoint]
) -> tuple[Quarters, str, int, bool]:
    """Return a KPI's quarters with their unit and decimals, and whether they are figures instead of counts of the quarter.

    Of a rate that adds up the cases in its numerator, of a count that adds up the count; these are split by quarter. Of all
    others (a state, a mean, a cohort, a figure of the year's end) the newest figure of each quarter in the KPI's unit.
    ``points`` are the KPI's own, of the row's fiscal year.
    """
    own = list(points)
    if row.kind == "qualitative":
        return NONE, "", 0, False
    adds_up = version.accumulation is Accumulation.CUMULATIVE
    if (
        adds_up
        and row.kind == "rate"
        and (cases := {p.figure_as_of: p.numerator for p in own if p.numerator is not None})
    ):
        return of_cumulative(cases, row.fiscal_year), "", 0, False
    if adds_up and row.kind == "count":
        return of_cumulative({p.figure_as_of: p.value for p in own}, row.fiscal_year), row.unit, row.precision, False
    return of_levels({p.figure_as_of: p.value for p in own}, row.fiscal_year), row.unit, row.precision, True
