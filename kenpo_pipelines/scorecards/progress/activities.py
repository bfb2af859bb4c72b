"""Activities of a progress report: counts by quarter, from counts of single months.

What lives here: one line per activity. What does not: what a count covers (``stg_activity_counts`` read it from the file).
"""

from collections.abc import Iterable
from decimal import Decimal

from kenpo_pipelines.scorecards.progress.model import ActivityGroup, ActivityLine
from kenpo_pipelines.scorecards.progress.quarters import of_cumulative, of_levels, of_months
from kenpo_pipelines.serving.progress_queries import ActivityRow


def activity_groups(rows: Iterable[ActivityRow]) -> tuple[ActivityGroup, ...]:
    """Return the activities of one branch by field, in the order of its reports."""
    by_item: dict[tuple[str, str], list[ActivityRow]] = {}
    for row in sorted(rows, key=lambda row: row.line_order):
        by_item.setdefault((row.area, row.item), []).append(row)
    by_area: dict[str, list[ActivityLine]] = {}
    for (area, _), counts in by_item.items():
        by_area.setdefault(area, []).append(_line(counts))
    return tuple(ActivityGroup(area, tuple(lines)) for area, lines in by_area.items())


def _line(rows: list[ActivityRow]) -> ActivityLine:
    """One activity's line. What its counts are, and their unit, is what its newest count says."""
    newest = max(rows, key=lambda row: row.figure_as_of)
    told = {row.figure_as_of: row.item_count for row in rows if row.item_count is not None}
    last = max(told, default="")
    total: Decimal | None = told.get(last)
    match newest.basis:
        case "month":
            quarters = of_months(told, newest.fiscal_year)
            total = sum(told.values(), Decimal(0)) if told else None
        case "level":
            quarters = of_levels(told, newest.fiscal_year)
        case _:
            quarters = of_cumulative(told, newest.fiscal_year)
    return ActivityLine(
        item=newest.item,
        unit=newest.unit,
        quarters=quarters,
        total=total,
        total_as_of=last,
        is_level=newest.basis == "level",
        is_unstated=newest.basis == "unstated",
    )
