"""The verdict on one rule, and how values are shown in it.

What lives here: :class:`RuleOutcome` and the exact text of a shown value. What does not: reaching a verdict (``adapter``),
showing it in Dagster (``checks``).
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from expectations.suite import Rule


@dataclass(frozen=True)
class Place:
    """What some of a rule's failing rows are about, and how many they are.

    A column that the rows at fault do not have is '' (of branch and year None); a row that names no branch has ''.
    """

    branch_code: str | None
    kpi_id: str
    as_of: str
    file: str
    fiscal_year: int | None
    rows: int


@dataclass(frozen=True)
class RuleOutcome:
    """What became of one rule on one set of rows.

    ``is_broken``: the check itself failed (a fault of the rule or the engine, not of the data). ``is_evaluated`` is False
    when the rows could not be judged (a column is missing, nothing was loaded) and when there was rightly nothing to judge.
    Only a rule that was judged and held, or had rightly nothing to judge, has passed. ``evidence`` holds whitelisted columns
    of failing rows as exact text, in the order of those columns; ``failed_rows`` counts all of them. ``branches`` holds every
    branch code of the failing rows with the count of its rows, ascending: '' for rows that name none. It is empty where the
    rows at fault have no branch, and where there are none. ``places`` says more closely what all of them are about.
    """

    rule: Rule
    passed: bool
    is_broken: bool = False
    is_evaluated: bool = True
    checked_rows: int = 0
    failed_rows: int = 0
    evidence: tuple[dict[str, str], ...] = ()
    branches: tuple[tuple[str, int], ...] = ()
    places: tuple[Place, ...] = ()
    message: str = ""


def exact_text(value: Any) -> str:
    """Return a value as people write it: no exponent, no padding zeros after the decimal point, '' for nothing."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(value)
