"""One line of a scorecard: the columns of ``mart_scorecard``, under the same names wherever a line goes.

What lives here: the typed shape. What does not: reading it from the database (``serving``), showing it (``scorecards``).
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Outcome = Literal["attained", "not_attained", "not_evaluable"]


@dataclass(frozen=True)
class ScorecardLine:
    """One KPI of one branch in one fiscal year, as of one month (grain: as_of × fiscal_year × branch_code × kpi_id).

    Figures are exact decimals in the KPI's own unit (99.90 means 99.90 %), already rounded to ``precision`` decimals;
    ``figure_as_of`` is the month the figure itself belongs to, None when there is no figure. ``flags`` (旗) says what checks
    found that endangers the figure, in Japanese, one per line.
    """

    as_of: str
    fiscal_year: int
    branch_code: str
    branch: str
    kpi_id: str
    kpi: str
    kpi_order: int
    kpi_group: str
    unit: str
    precision: int
    direction: Literal["at_least", "at_most"]
    kind: Literal["rate", "mean", "count", "qualitative"]
    figure_as_of: str | None
    figure_known_month: str | None
    numerator: Decimal | None
    denominator: Decimal | None
    value: Decimal | None
    value_text: str
    target: Decimal | None
    target_text: str
    comparator: Literal[">=", "<=", "done", ""]
    target_source: Literal["submitted", "uniform", "prior_year", ""]
    outcome: Outcome
    reason: str
    reason_text: str
    ratio_to_target: Decimal | None
    is_nearly_attained: bool | None
    prior_value: Decimal | None
    prior_value_text: str
    prior_as_of: str | None
    rank: int | None
    ranked_branches: int | None
    source: Literal["computed", "reported", ""]
    status: Literal["provisional", "final", ""]
    notes: str
    flags: str
