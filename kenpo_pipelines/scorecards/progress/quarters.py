"""Counts of a fiscal year by quarter: ４～６月, ７～９月, 10～12月, １～３月, and how far a quarter is told.

What lives here: the arithmetic. What does not: which counts add up (``activities``, ``kpi_lines``), words.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from kenpo_pipelines import fiscal

HEADS = ("４～６月", "７～９月", "10～12月", "１～３月")


@dataclass(frozen=True, slots=True)
class Quarter:
    """One quarter's number. ``until`` is the last month that it covers where that is not the quarter's own last ('' where
    it is, and without a number). ``is_untold`` marks a quarter that has figures which cannot be split from the ones before."""

    value: Decimal | None = None
    until: str = ""
    is_untold: bool = False


Quarters = tuple[Quarter, Quarter, Quarter, Quarter]
NONE: Quarters = (Quarter(), Quarter(), Quarter(), Quarter())


def months_of_quarters(fiscal_year: int) -> list[list[str]]:
    """Return the months of each quarter, April first."""
    first = fiscal.first_month(fiscal_year)
    return [[fiscal.add_months(first, 3 * quarter + month) for month in range(3)] for quarter in range(4)]


def of_cumulative(counts: Mapping[str, Decimal], fiscal_year: int) -> Quarters:
    """Return what each quarter adds to counts since April, by month: its last count less that of the quarter before.

    A quarter after the first needs the count of the month just before it: without that it is untold.
    """

    def value(months: list[str], last: str) -> Decimal | None:
        before = fiscal.add_months(months[0], -1)
        if fiscal.fiscal_year_of(before) != fiscal_year:
            return counts[last]
        return counts[last] - counts[before] if before in counts else None

    return _quarters(counts, fiscal_year, value)


def of_months(counts: Mapping[str, Decimal], fiscal_year: int) -> Quarters:
    """Return the sum of each quarter's counts, each being that of its month alone. A month without a count adds nothing."""
    return _quarters(
        counts,
        fiscal_year,
        lambda months, last: sum((counts[month] for month in months if month in counts), Decimal(0)),
    )


def of_levels(values: Mapping[str, Decimal], fiscal_year: int) -> Quarters:
    """Return the newest value of each quarter: states are not added up."""
    return _quarters(values, fiscal_year, lambda months, last: values[last])


def _quarters(
    numbers: Mapping[str, Decimal], fiscal_year: int, value: Callable[[list[str], str], Decimal | None]
) -> Quarters:
    found = []
    for months in months_of_quarters(fiscal_year):
        told = [month for month in months if month in numbers]
        if not told:
            found.append(Quarter())
            continue
        number = value(months, told[-1])
        until = "" if told[-1] == months[-1] or number is None else told[-1]
        found.append(Quarter(number, until, is_untold=number is None))
    first, second, third, fourth = found
    return first, second, third, fourth
