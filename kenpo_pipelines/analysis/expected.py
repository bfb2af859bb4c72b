"""The expected path: where a figure that adds up should stand each month to reach its target in March.

What lives here: last year's seasonality laid over this year's target. What does not: which KPIs add up over the year, and
forecasts (``forecast``), which say where a figure is going and not where it should be.
"""

from collections.abc import Mapping
from decimal import Decimal, localcontext

from kenpo_pipelines import fiscal
from kenpo_pipelines.analysis.arithmetic import DIGITS


def expected_path(last_year: Mapping[str, Decimal], target: Decimal) -> dict[str, Decimal]:
    """Return this fiscal year's months → target × (last year's value of the month ÷ last year's value of March).

    ``last_year`` are the figures of one fiscal year by month, fiscal year to date, counts or rates: of both it is the
    share of March's value that counts, so there is no difference. The path is unrounded, in the target's unit, and ends
    in the target exactly. {} unless all twelve months are there: a line across a hole would claim that last year went
    straight there. {} also where March is not above 0, or where a month is negative. A month that stood above March counts
    as March: a rate that is near its end all year has a flat path, and none beyond its target.

    Raises ValueError when the months are of more than one fiscal year.
    """
    if not last_year:
        return {}
    years = {fiscal.fiscal_year_of(month) for month in last_year}
    if len(years) > 1:
        raise ValueError(f"months of more than one fiscal year: {', '.join(sorted(last_year))}")
    year = years.pop()
    months = list(fiscal.month_range(fiscal.first_month(year), fiscal.year_end(year)))
    if any(month not in last_year or last_year[month] < 0 for month in months):
        return {}
    march = last_year[months[-1]]
    if march <= 0:
        return {}
    with localcontext(prec=DIGITS):
        # Multiplied first: what divides without a rest stays exact, and March is the target itself.
        return {fiscal.add_months(month, 12): target * min(last_year[month], march) / march for month in months}
