"""From where on a figure is conspicuous: ``thresholds.yml``.

What lives here: the thresholds there are, and what an entry must say. What does not: comparing with one (the SQL models read
``reference.thresholds``), the rules of submissions (``expectations/*.yml``, which carry their own limits).
"""

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from kenpo_pipelines.catalogue.base import ExactDecimal, Strict


class ThresholdName(StrEnum):
    """Every threshold that the models go by; each has at least one entry."""

    OWN_MONTHS_Z = "own_months_z"
    OWN_MONTHS_LEAST = "own_months_least"
    OWN_MONTHS_MOST = "own_months_most"
    MONTH_CASES_LEAST_PCT = "month_cases_least_pct"
    BRANCHES_Z = "branches_z"
    BRANCHES_LEAST = "branches_least"
    DEVIATION_FLOOR_PCT = "deviation_floor_pct"
    LEAST_DENOMINATOR = "least_denominator"
    LEAST_CASES_OFF = "least_cases_off"
    FALL_PCT = "fall_pct"
    DENOMINATOR_JUMP_PCT = "denominator_jump_pct"
    COPIED_LEAST_DENOMINATOR = "copied_least_denominator"
    COPIED_LEAST_NUMERATOR = "copied_least_numerator"
    COPIED_ROW_CELLS = "copied_row_cells"
    COPIED_ROW_LEAST_COUNT = "copied_row_least_count"
    SUM_TOLERANCE_PCT = "sum_tolerance_pct"
    EVALUATIONS_MONTHS = "evaluations_months"
    INTERVIEWS_MONTHS = "interviews_months"
    FLAGGED_ROWS_PCT = "flagged_rows_pct"


class Threshold(Strict):
    """One threshold from a day on, with where it comes from and who answers for it. At most four decimals."""

    threshold: ThresholdName
    value: Annotated[ExactDecimal, Field(ge=Decimal(0), max_digits=9, decimal_places=4)]
    unit: str = Field(min_length=1)
    since: dt.date
    owner: str = Field(pattern=r"^team:[a-z-]+$")
    source: str = Field(min_length=1)
    note: str = Field(min_length=1)
