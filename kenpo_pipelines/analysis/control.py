"""XmR charts: whether a month says something, or is one of the ups and downs that every month has.

What lives here: centre line, limits and the three usual rules, over values in the order of time. What does not: drawing,
and which value of a month is meant (of figures that add up: what the month itself adds; a running total would always "rise").
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Literal

from kenpo_pipelines.analysis.arithmetic import mean, to_decimal

Rule = Literal["outside", "run", "trend"]

LIMIT_FACTOR = Fraction(266, 100)
"""3 ÷ d₂ for ranges of two values (d₂ = 1.128): three standard deviations on either side (Wheeler, Shewhart)."""
RUN = 7
"""Points on one side of the centre, or points each above (below) the one before."""
FIRM_FROM = 8
"""Points from which the limits are more than provisional."""
_PROVISIONAL = f"（{FIRM_FROM}点未満のため管理限界は暫定）"


@dataclass(frozen=True, slots=True)
class Signal:
    """A pattern that chance rarely makes: it ends at ``index`` and began at ``first`` (positions in the values, from 0)."""

    index: int
    rule: Rule
    text: str
    first: int


@dataclass(frozen=True, slots=True)
class XmR:
    """Centre line and limits in the unit of the values; ``ranges`` are |x − the value before|, one fewer than the values.

    The lower limit may lie below what is possible (a rate below 0): whoever draws it cuts it off. ``is_provisional``:
    fewer than ``FIRM_FROM`` points, so that the limits will still move; every signal's text says so, too.
    """

    centre: Decimal
    upper: Decimal
    lower: Decimal
    ranges: tuple[Decimal, ...]
    signals: tuple[Signal, ...]
    is_provisional: bool


def xmr(values: Sequence[Decimal]) -> XmR | None:
    """Return centre = mean and limits = mean ± 2.66 × mean moving range with their signals; None for fewer than two values.

    Rules: one point outside the limits (on a limit is inside); seven points in a row on one side of the centre (a point
    on the centre ends the row); seven points of which each is above, or each below, the one before. A longer row is
    one signal that ends at its last point. Signals are in the order of their last points.
    """
    if len(values) < 2:
        return None
    ranges = tuple(abs(later - earlier) for earlier, later in pairwise(values))
    centre = mean(values)
    reach = LIMIT_FACTOR * mean(ranges)
    is_provisional = len(values) < FIRM_FROM
    signals = sorted(
        _signals([Fraction(value) for value in values], centre, reach, _PROVISIONAL if is_provisional else ""),
        key=lambda one: one.index,
    )
    return XmR(
        to_decimal(centre),
        to_decimal(centre + reach),
        to_decimal(centre - reach),
        ranges,
        tuple(signals),
        is_provisional,
    )


def _signals(values: Sequence[Fraction], centre: Fraction, reach: Fraction, aside: str) -> Iterator[Signal]:
    for index, value in enumerate(values):
        if abs(value - centre) > reach:
            side = "上" if value > centre else "下"
            yield Signal(index, "outside", f"{side}側の管理限界を外れています{aside}", index)
    sides = [_sign(value - centre) for value in values]
    for first, last in _rows(len(values), lambda one, before: sides[one] != 0 and sides[one] == sides[before]):
        if last - first + 1 >= RUN:
            side = "上" if sides[last] > 0 else "下"
            yield Signal(last, "run", f"{last - first + 1}点続けて中心線の{side}にあります{aside}", first)
    # Rows of steps: a point that turns is the last of one row and the first of the next.
    steps = [_sign(later - one) for one, later in pairwise(values)]
    for first, last in _rows(len(steps), lambda one, before: steps[one] != 0 and steps[one] == steps[before]):
        points = last - first + 2
        if points >= RUN:
            word = "上昇" if steps[last] > 0 else "下降"
            yield Signal(last + 1, "trend", f"{points}点続けて{word}しています{aside}", first)


def _rows(length: int, belongs: Callable[[int, int], bool]) -> Iterator[tuple[int, int]]:
    """Yield (first, last) of each longest row in which every point belongs to the one before it."""
    first = 0
    for index in range(1, length + 1):
        if index == length or not belongs(index, index - 1):
            yield first, index - 1
            first = index


def _sign(number: Fraction) -> int:
    return (number > 0) - (number < 0)
