"""Months, fiscal years and business days in Asia/Tokyo.

What lives here: the calendar of the insurer. A month is the string ``YYYY-MM`` everywhere in the project (the partition
key of the lake and of Dagster); a fiscal year is the integer of the calendar year in which it begins (2025 = 令和7年度 =
2025-04 … 2026-03). What does not live here: reading dates as branches type them (``submissions.cells``).
"""

import datetime as dt
import re
from collections.abc import Iterator
from functools import lru_cache
from zoneinfo import ZoneInfo

import jpholiday

TOKYO = ZoneInfo("Asia/Tokyo")
FIRST_MONTH = "2023-04"
"""First month partition: April of the first fiscal year in the KPI catalogue."""

_MONTH = re.compile(r"(?P<year>[0-9]{4})-(?P<month>0[1-9]|1[0-2])")
_REIWA_OFFSET = 2018
_FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


class NotAMonth(ValueError):
    """The text is not a month in the form ``YYYY-MM``."""


def split_month(month: str) -> tuple[int, int]:
    """Return (year, month number) of ``YYYY-MM``; raise :class:`NotAMonth` for anything else."""
    match = _MONTH.fullmatch(month)
    if match is None:
        raise NotAMonth(f"{month!r} is not a month; write it as YYYY-MM, for example 2025-06")
    return int(match["year"]), int(match["month"])


def add_months(month: str, count: int) -> str:
    """Return the month ``count`` months after (or before, if negative) ``month``."""
    year, number = split_month(month)
    index = year * 12 + number - 1 + count
    return f"{index // 12:04d}-{index % 12 + 1:02d}"


def month_range(first: str, last: str) -> Iterator[str]:
    """Yield every month from ``first`` to ``last``, both included, ascending."""
    split_month(last)
    month = add_months(first, 0)
    while month <= last:
        yield month
        month = add_months(month, 1)


def fiscal_year_of(month: str) -> int:
    """Return the fiscal year (April to March) that ``month`` belongs to."""
    year, number = split_month(month)
    return year if number >= 4 else year - 1


def first_month(fiscal_year: int) -> str:
    """Return April of the fiscal year."""
    return f"{fiscal_year:04d}-04"


def year_end(fiscal_year: int) -> str:
    """Return March, the last month of the fiscal year."""
    return f"{fiscal_year + 1:04d}-03"


def wareki(fiscal_year: int) -> str:
    """Return the Japanese name of the fiscal year with full-width digits, as printed: 2025 → 令和７年度."""
    return f"令和{str(fiscal_year - _REIWA_OFFSET).translate(_FULL_WIDTH)}年度"


def month_label(month: str) -> str:
    """Return how a report names the state at a month's end: 2025-06 → 令和７年６月."""
    year, number = split_month(month)
    return f"令和{str(year - _REIWA_OFFSET).translate(_FULL_WIDTH)}年{str(number).translate(_FULL_WIDTH)}月"


def period_label(period: str) -> str:
    """Return a reporting period as people name it: 2025-06 → 2025年6月分, a yearly folder 2025 → 2025年度."""
    if len(period) == len("YYYY"):
        return f"{period}年度"
    year, number = split_month(period)
    return f"{year}年{number}月分"


def today() -> dt.date:
    """Return the running day in Tokyo."""
    return dt.datetime.now(TOKYO).date()


def current_month() -> str:
    """Return the running month in Tokyo."""
    return f"{today():%Y-%m}"


@lru_cache(maxsize=65_536)
def is_business_day(day: dt.date) -> bool:
    """True unless Saturday, Sunday, a national holiday, or the year-end closure from 12-29 to 01-03."""
    is_year_end = (day.month == 12 and day.day >= 29) or (day.month == 1 and day.day <= 3)
    return day.weekday() < 5 and not is_year_end and not jpholiday.is_holiday(day)


def business_day_of_month(month: str, ordinal: int) -> dt.date:
    """Return the ``ordinal``-th (from 1) business day of ``month``; raise ValueError when there are fewer."""
    if ordinal < 1:
        raise ValueError(f"business days are counted from 1, not {ordinal}")
    year, number = split_month(month)
    day = dt.date(year, number, 1)
    seen = 0
    while day.month == number:
        seen += is_business_day(day)
        if seen == ordinal:
            return day
        day += dt.timedelta(days=1)
    raise ValueError(f"{month} has {seen} business days; there is no business day number {ordinal}")
