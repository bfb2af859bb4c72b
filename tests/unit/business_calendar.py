"""A calendar of two years written down by hand, against which business days are tested.

Slow and plain on purpose, and independent of the library of holidays: the list was copied from the Cabinet Office's calendar of
national holidays (国民の祝日), substitute holidays among it.
"""

import datetime as dt

_HOLIDAYS = {
    2025: "01-01 01-13 02-11 02-24 03-20 04-29 05-05 05-06 07-21 08-11 09-15 09-23 10-13 11-03 11-24",
    2026: "01-01 01-12 02-11 02-23 03-20 04-29 05-04 05-05 05-06 07-20 08-11 09-21 09-22 09-23 10-12 11-03 11-23",
}
HOLIDAYS = {dt.date.fromisoformat(f"{year}-{day}") for year, days in _HOLIDAYS.items() for day in days.split()}
"""Holidays that are no Saturday and no Sunday."""

FIRST, LAST = dt.date(2025, 1, 1), dt.date(2026, 12, 31)


def every_day() -> list[dt.date]:
    """Every day of the two years."""
    return [FIRST + dt.timedelta(days=number) for number in range((LAST - FIRST).days + 1)]


def is_open(day: dt.date) -> bool:
    """True when the offices are open."""
    if day.isoweekday() in (6, 7) or day in HOLIDAYS:
        return False
    return (day.month, day.day) not in {(12, 29), (12, 30), (12, 31), (1, 1), (1, 2), (1, 3)}


def nth_open_day(year: int, month: int, ordinal: int) -> dt.date:
    """The open day of this number in a month of the two years."""
    return [day for day in every_day() if (day.year, day.month) == (year, month) and is_open(day)][ordinal - 1]
