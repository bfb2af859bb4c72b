"""Quarters and sums of budgets: hand-computed cases, and what must hold of any numbers."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kenpo_pipelines import fiscal
from kenpo_pipelines.scorecards.progress.budgets import Amounts, total
from kenpo_pipelines.scorecards.progress.quarters import (
    NONE,
    Quarter,
    months_of_quarters,
    of_cumulative,
    of_levels,
    of_months,
)

MONTHS = [month for quarter in months_of_quarters(2025) for month in quarter]
YEN = st.none() | st.integers(0, 10**12).map(Decimal)
AMOUNTS = st.builds(Amounts, YEN, YEN, YEN)


def numbers(**months: int) -> dict[str, Decimal]:
    """Counts by month, m4=… is April, m1=… January."""
    by_month = {f"m{int(month[5:])}": month for month in MONTHS}
    return {by_month[name]: Decimal(count) for name, count in months.items()}


def values(quarters: tuple[Quarter, ...]) -> list[tuple[Decimal | None, str]]:
    return [(quarter.value, quarter.until) for quarter in quarters]


def test_quarters_of_a_fiscal_year_begin_in_april_and_end_in_march() -> None:
    assert (MONTHS[0], MONTHS[2], MONTHS[3], MONTHS[-1], len(MONTHS)) == (
        "2025-04",
        "2025-06",
        "2025-07",
        "2026-03",
        12,
    )


def test_a_count_since_april_is_split_into_quarters() -> None:
    counts = numbers(m4=10, m5=30, m6=60, m7=70, m9=100, m10=120)
    assert values(of_cumulative(counts, 2025)) == [
        (Decimal(60), ""), (Decimal(40), ""), (Decimal(20), "2025-10"), (None, ""),
    ]  # fmt: skip


def test_a_quarter_in_progress_says_until_when() -> None:
    assert values(of_cumulative(numbers(m5=282), 2025))[0] == (Decimal(282), "2025-05")


def test_a_quarter_without_the_count_before_it_is_untold_and_never_guessed() -> None:
    _, second, third, _ = of_cumulative(numbers(m5=30, m8=90, m9=100, m12=140), 2025)
    assert second == Quarter(None, "", is_untold=True)
    assert third == Quarter(Decimal(40), "")  # from September on it is known again


def test_a_correction_downwards_is_a_negative_quarter() -> None:
    assert values(of_cumulative(numbers(m6=60, m9=50), 2025))[1] == (Decimal(-10), "")


def test_counts_of_months_are_added_up_by_quarter() -> None:
    assert values(of_months(numbers(m4=2, m6=3, m7=5), 2025)) == [
        (Decimal(5), ""), (Decimal(5), "2025-07"), (None, ""), (None, ""),
    ]  # fmt: skip


def test_states_are_not_added_up() -> None:
    assert values(of_levels(numbers(m4=327, m6=330, m7=331), 2025))[:2] == [
        (Decimal(330), ""),
        (Decimal(331), "2025-07"),
    ]


@pytest.mark.parametrize("split", [of_cumulative, of_months, of_levels])
def test_without_counts_there_are_no_quarters(split) -> None:  # type: ignore[no-untyped-def]
    assert split({}, 2025) == NONE
    assert split({"2025-03": Decimal(5), "2026-04": Decimal(1)}, 2025) == NONE


@given(st.dictionaries(st.sampled_from(MONTHS), st.integers(0, 10**6).map(Decimal)))
def test_quarters_of_months_add_up_to_the_year(counts: dict[str, Decimal]) -> None:
    told = [quarter.value for quarter in of_months(counts, 2025) if quarter.value is not None]
    assert sum(told) == sum(counts.values())


@given(st.lists(st.integers(0, 10**6).map(Decimal), min_size=1, max_size=12))
def test_quarters_of_counts_since_april_add_up_to_the_newest(monthly: list[Decimal]) -> None:
    counts, so_far = {}, Decimal(0)
    for month, count in zip(MONTHS, monthly, strict=False):
        so_far += count
        counts[month] = so_far
    quarters = of_cumulative(counts, 2025)
    assert sum(quarter.value or 0 for quarter in quarters) == so_far
    by_month = dict(zip(MONTHS, monthly, strict=False))
    assert [quarter.value for quarter in quarters] == [quarter.value for quarter in of_months(by_month, 2025)]


@given(st.dictionaries(st.sampled_from(MONTHS), st.integers(0, 10**6).map(Decimal)))
def test_a_quarter_is_told_untold_or_empty(counts: dict[str, Decimal]) -> None:
    for months, quarter in zip(months_of_quarters(2025), of_cumulative(counts, 2025), strict=True):
        told = [month for month in months if month in counts]
        before = fiscal.add_months(months[0], -1)
        assert (quarter.value is not None) == (bool(told) and (months[0] == "2025-04" or before in counts))
        assert quarter.is_untold == (bool(told) and quarter.value is None)


# --- budgets ---


def yen(budget: int | None, executed: int | None = None, prior: int | None = None) -> Amounts:
    return Amounts(*(None if amount is None else Decimal(amount) for amount in (budget, executed, prior)))


@pytest.mark.parametrize(
    ("budget", "executed", "pct", "is_over"),
    [
        (12_573_000, 12_980_000, "103.2", True),
        (15_800_000, 3_580_877, "22.7", False),
        (1000, 1000, "100.0", False),
        (2000, 1, "0.1", False),  # 0.05 is rounded half-up
        (1_000_000, 1_000_001, "100.0", True),
        (1000, 0, "0.0", False),
        (1000, -500, "-50.0", False),
    ],
)
def test_the_rate_of_execution(budget: int, executed: int, pct: str, is_over: bool) -> None:
    amounts = yen(budget, executed)
    assert (str(amounts.execution_pct), amounts.is_over_budget) == (pct, is_over)


@pytest.mark.parametrize("amounts", [yen(None, 5), yen(5), yen(0, 0), yen(None)])
def test_without_budget_or_execution_there_is_no_rate(amounts: Amounts) -> None:
    assert amounts.execution_pct is None


def test_spending_from_a_budget_of_nothing_is_over_it() -> None:
    assert yen(0, 1).is_over_budget


def test_a_blank_adds_nothing_and_nothing_but_blanks_is_none() -> None:
    assert total([yen(100, 5), yen(None, None, 7), yen(50)]) == yen(150, 5, 7)
    assert total([yen(None), yen(None)]) == yen(None)
    assert total([yen(0)]) == yen(0)
    assert total([]) == yen(None)


@given(st.lists(AMOUNTS), st.lists(AMOUNTS))
def test_the_sum_of_two_fields_is_the_sum_of_their_sums(one: list[Amounts], other: list[Amounts]) -> None:
    assert total([total(one), total(other)]) == total([*one, *other])


@given(st.lists(AMOUNTS))
def test_the_order_of_lines_changes_no_sum(lines: list[Amounts]) -> None:
    assert total(reversed(lines)) == total(lines)


@given(AMOUNTS)
def test_a_rate_above_hundred_is_over_the_budget(amounts: Amounts) -> None:
    rate = amounts.execution_pct
    assert rate is None or rate <= 100 or amounts.is_over_budget
