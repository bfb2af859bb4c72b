"""Persons as numbers, and what a file says of them: symbol, number and suffix.

What lives here: which person is which. What does not: what happens to them. Persons 0 … members − 1 of a branch have no part in
the untreated; those have numbers of their own above, by check-up month. Symbols begin anew in every branch, so that the same
symbol and number mean different people in different branches.
"""

from kenpo_pipelines.synthetic.months import number_of
from kenpo_pipelines.synthetic.plan import Plan

_COHORT = 100_000
_FIRST_COHORT = number_of("2020-01")
_OFFICE = 16
_FIRST_SYMBOL = 10_000_000


def identity(person: str, plan: Plan, branch: str, no_suffix: str = "'00'") -> str:
    """Return SQL for the columns symbol, number and suffix of a person; the insured have no suffix of their own."""
    offices = max(1, plan.rows("members", branch) // _OFFICE)
    return (
        f"{_FIRST_SYMBOL} + {person} % {offices} AS symbol, "
        f"{person} // {offices} // 2 + 1 AS number, "
        f"CASE WHEN {person} // {offices} % 2 = 1 THEN '01' ELSE {no_suffix} END AS suffix"
    )


def untreated_person(plan: Plan, branch: str, checkup_number: str, position: str) -> str:
    """Return SQL for the person who is the so-manieth of a check-up month."""
    return f"{plan.rows('members', branch)} + (({checkup_number}) - {_FIRST_COHORT}) * {_COHORT} + {position}"
