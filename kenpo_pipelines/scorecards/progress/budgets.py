"""Sums of budgets and their execution.

What lives here: the arithmetic of 予算額, 執行（予定）額 and 執行率. What does not: lines and words. A blank is not 0: it adds
nothing, and a sum of nothing but blanks is none.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

_TENTH = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Amounts:
    """Amounts in yen, None where none is told."""

    budget_yen: Decimal | None
    executed_yen: Decimal | None
    prior_budget_yen: Decimal | None

    @property
    def execution_pct(self) -> Decimal | None:
        """執行率: executed ÷ budget in per cent, one decimal, half-up; None without either, and without a budget above 0."""
        if self.budget_yen is None or self.executed_yen is None or self.budget_yen <= 0:
            return None
        return (100 * self.executed_yen / self.budget_yen).quantize(_TENTH, ROUND_HALF_UP)

    @property
    def is_over_budget(self) -> bool:
        """True when more is executed than the budget, by a yen (the rate may still print as 100.0)."""
        return self.budget_yen is not None and self.executed_yen is not None and self.executed_yen > self.budget_yen


def total(amounts: Iterable[Amounts]) -> Amounts:
    """Return the sums of what is told."""
    told = list(amounts)
    return Amounts(
        _sum(one.budget_yen for one in told),
        _sum(one.executed_yen for one in told),
        _sum(one.prior_budget_yen for one in told),
    )


def _sum(numbers: Iterable[Decimal | None]) -> Decimal | None:
    told = [number for number in numbers if number is not None]
    return sum(told, Decimal(0)) if told else None
