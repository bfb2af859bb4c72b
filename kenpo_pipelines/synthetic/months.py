"""Months and days as SQL: month numbers, their texts, and the business days that dates are drawn from.

What lives here: what several datasets need. What does not: counting business days between dates (``truth`` counts its own).
"""

import datetime as dt

import duckdb

from kenpo_pipelines import fiscal

_LONGEST_WAIT = 6
"""Months before a decision in which an application can have arrived."""


def number_of(month: str) -> int:
    """Return the months since year 0: differences are months apart."""
    year, number = fiscal.split_month(month)
    return year * 12 + number - 1


def month_text(number: str) -> str:
    """Return SQL for YYYY-MM of a month number."""
    return f"printf('%04d-%02d', ({number}) // 12, ({number}) % 12 + 1)"


def day_of(number: str, day: str) -> str:
    """Return SQL for a date by month number and day."""
    return f"make_date(CAST(({number}) // 12 AS INTEGER), CAST(({number}) % 12 + 1 AS INTEGER), CAST({day} AS INTEGER))"


def prefix(month: str) -> int:
    """Return the four digits YYMM with which numbers of the month begin."""
    return int(month[2:4] + month[5:])


def set_business_days(db: duckdb.DuckDBPyConnection, first: str, last: str) -> None:
    """Make the table ``business_day_months`` (month, first_ordinal, days_in_month) and the variable ``business_days``."""
    days: list[dt.date] = []
    months: dict[str, list[int]] = {}
    for month in fiscal.month_range(fiscal.add_months(first, -_LONGEST_WAIT), fiscal.add_months(last, 1)):
        year, number = fiscal.split_month(month)
        day = dt.date(year, number, 1)
        while day.month == number:
            if fiscal.is_business_day(day):
                months.setdefault(month, []).append(len(days))
                days.append(day)
            day += dt.timedelta(days=1)
    db.execute("SET VARIABLE business_days = $1", [days])
    db.execute(
        "CREATE OR REPLACE TEMP TABLE business_day_months (month VARCHAR, first_ordinal INTEGER, days_in_month INTEGER)"
    )
    db.executemany("INSERT INTO business_day_months VALUES (?, ?, ?)", [(m, o[0], len(o)) for m, o in months.items()])


def business_day(ordinal: str) -> str:
    """Return SQL for the business day with that ordinal (from 0)."""
    return f"list_extract(getvariable('business_days'), CAST({ordinal} AS BIGINT) + 1)"
