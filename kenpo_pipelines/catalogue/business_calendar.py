"""Every day with the days counted so far, so that SQL can count days by subtraction.

What lives here: the table of days. What does not: which day is a business day (``kenpo_pipelines.fiscal``).
"""

import datetime as dt
from functools import cache

import pyarrow as pa

from kenpo_pipelines import fiscal

FIRST_DAY, LAST_DAY = dt.date(2019, 1, 1), dt.date(2035, 12, 31)
"""Dates of benefit decisions outside of them are refused when a file is read."""

CALENDAR = pa.schema(
    [("day", pa.date32()), ("business_days_elapsed", pa.int32()), ("calendar_days_elapsed", pa.int32())]
)


@cache
def calendar_table() -> pa.Table:
    """Grain: one day. The number of counted days d with a < d ≤ b is the count of b less the count of a."""
    days = [FIRST_DAY + dt.timedelta(days=number) for number in range((LAST_DAY - FIRST_DAY).days + 1)]
    business, elapsed = 0, []
    for day in days:
        business += fiscal.is_business_day(day)
        elapsed.append(business)
    return pa.table([days, elapsed, range(1, len(days) + 1)], schema=CALENDAR)
