"""Deviation scores (偏差値) of branches: whose figures are compared, the same on every page and workbook.

What lives here: that choice. What does not: the formula (``analysis.deviation``).
"""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from kenpo_pipelines.analysis.deviation import deviation_scores
from kenpo_pipelines.catalogue.model import NATION
from kenpo_pipelines.catalogue.scorecard_line import ScorecardLine

LEAST_BRANCHES = 10
"""With fewer branches a score says more about who is missing than about who is good."""


def branch_deviations(rows: Iterable[ScorecardLine]) -> dict[tuple[str, str], Decimal]:
    """Return scores by (branch_code, kpi_id) of one fiscal year's rows, compared as ranks are: among figures of one month.

    Counts have none: they tell a branch's size.
    """
    compared: dict[tuple[str, str, str], dict[str, Decimal]] = defaultdict(dict)
    for row in rows:
        if row.branch_code == NATION or row.value is None or row.figure_as_of is None or row.kind == "count":
            continue
        compared[row.kpi_id, row.figure_as_of, row.direction][row.branch_code] = row.value
    return {
        (branch_code, kpi_id): score
        for (kpi_id, _, direction), values in compared.items()
        if len(values) >= LEAST_BRANCHES
        for branch_code, score in deviation_scores(values, direction == "at_least").items()
    }
