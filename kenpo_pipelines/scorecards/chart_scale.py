"""A round scale for a run chart: from where to where the axis goes, and in which steps.

What lives here: that choice, for the page's charts and the workbook's alike. What does not: drawing. Floats suffice for places
in a picture; figures are never taken from here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

_NEAR_ZERO = 0.4
"""A lowest value below this share of the highest makes the axis begin at 0."""
_ROOM = 0.06


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis from ``first`` to ``last`` in steps of ``step``, printed with ``decimals``."""

    first: float
    last: float
    step: float
    decimals: int

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Each value on the axis with its label."""
        count = round((self.last - self.first) / self.step)
        values = [self.first + number * self.step for number in range(count + 1)]
        return [(value, f"{value:,.{self.decimals}f}") for value in values]

    def share(self, value: Decimal | float) -> float:
        """Return how far up the axis the value lies, 0 at the foot and 1 at the top."""
        return (float(value) - self.first) / (self.last - self.first)


def scale_around(values: Sequence[Decimal], *, is_percentage: bool) -> Scale:
    """Return the scale that shows all ``values`` (at least one), with a little room; percentages end at 100."""
    low, high = float(min(values)), float(max(values))
    if 0 <= low <= _NEAR_ZERO * high:
        low = 0.0
    spread = (high - low) or abs(high) * 0.1 or 1.0
    step = _round_step(spread / 3.5)
    room = _ROOM * spread
    first = math.floor((low - room) / step) * step if low else 0.0
    if low >= 0:
        first = max(first, 0.0)
    last = math.ceil((high + room) / step) * step
    if is_percentage and high <= 100 < last:
        last = 100.0
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    if round(step * 10**decimals, 6) % 1:  # a step of 2.5
        decimals += 1
    return Scale(first, last, step, decimals)


def _round_step(rough: float) -> float:
    power: float = 10.0 ** math.floor(math.log10(rough))
    return next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
