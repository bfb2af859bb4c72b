"""Funnel plots: how far from the national rate a branch of its size may lie by chance.

What lives here: exact binomial limits and the judgement of one branch. They fit rates of cases (persons, applications,
tenders) and not of yen or quantities, whose units are no independent cases. Large branches differ for other reasons than
chance, so with many cases most of them lie outside: :func:`dispersion` says by how much. What does not live here: drawing.

Limits: the plain (not mid-P) exact tail, 2.5 % or 0.1 % on each side, interpolated between whole counts as is usual for
discrete data (Spiegelhalter, Funnel plots for comparing institutional performance, Statistics in Medicine 2005, appendix
A.1). The upper limit is the mirror image of the complement's lower one, so that both sides are held to the same rule: a
branch is outside a line exactly where the chance of a count as extreme as its own is below the line's tail.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

import numpy as np

TAIL_95 = 0.025
TAIL_998 = 0.001
_PLACES = 10


@dataclass(frozen=True, slots=True)
class FunnelLimit:
    """Limits in percent for a denominator of ``size`` cases: 0 ≤ low998 ≤ low95 ≤ centre ≤ high95 ≤ high998 ≤ 100."""

    size: int
    low95: Decimal
    high95: Decimal
    low998: Decimal
    high998: Decimal


class Where(StrEnum):
    """Where a branch lies."""

    INSIDE = "inside"
    HIGH_95 = "outside_95_high"
    LOW_95 = "outside_95_low"
    HIGH_998 = "outside_998_high"
    LOW_998 = "outside_998_low"


def funnel(centre_pct: Decimal, sizes: Sequence[int]) -> list[FunnelLimit]:
    """Return the limits for each size, in the order given; ten decimals of a percent.

    Raises ValueError for a centre outside 0 … 100 and for a size below 1.
    """
    rate = _rate(centre_pct)
    if any(size < 1 for size in sizes):
        raise ValueError("a rate of no cases has no limits")
    if not sizes:
        return []
    counts = np.asarray(sizes)
    low95, low998 = (_lower(counts, rate, tail) for tail in (TAIL_95, TAIL_998))
    high95, high998 = (1 - _lower(counts, 1 - rate, tail) for tail in (TAIL_95, TAIL_998))
    return [
        FunnelLimit(size, *(_percent(one) for one in limits))
        for size, *limits in zip(sizes, low95, high95, low998, high998, strict=True)
    ]


def where(numerator: int, denominator: int, centre_pct: Decimal) -> Where:
    """Return where numerator ÷ denominator lies; as the lines of :func:`funnel` show it.

    Raises ValueError unless 0 ≤ numerator ≤ denominator, 1 ≤ denominator and 0 ≤ centre ≤ 100.
    """
    from scipy.stats import binom  # type: ignore[import-untyped]

    rate = _rate(centre_pct)
    if not 0 <= numerator <= denominator or denominator < 1:
        raise ValueError(f"{numerator} of {denominator} cases is no rate")
    at_most = float(binom.cdf(numerator, denominator, rate))
    at_least = float(binom.sf(numerator - 1, denominator, rate))
    if at_least < TAIL_998:
        return Where.HIGH_998
    if at_most < TAIL_998:
        return Where.LOW_998
    if at_least < TAIL_95:
        return Where.HIGH_95
    return Where.LOW_95 if at_most < TAIL_95 else Where.INSIDE


def dispersion(counts: Iterable[tuple[int, int]], centre_pct: Decimal) -> Decimal | None:
    """Return how many times as wide as chance alone the branches spread: √ of the mean z², two decimals.

    ``counts`` are (numerator, denominator). About 1 is chance; far above 1 the funnel's limits are crossed by most, and
    its lines say little about a single branch. None without branches, or at a centre of 0 or 100.
    """
    rate = _rate(centre_pct)
    squares = [(n - d * rate) ** 2 / (d * rate * (1 - rate)) for n, d in counts if d > 0 and 0 < rate < 1]
    return Decimal(f"{float(np.sqrt(np.mean(squares))):.2f}") if squares else None


def _rate(centre_pct: Decimal) -> float:
    if not 0 <= centre_pct <= 100:
        raise ValueError(f"{centre_pct} % is no rate of cases")
    return float(centre_pct / 100)


def _lower(sizes: Any, rate: float, tail: float) -> Any:
    """The share below which the lower tail is smaller than ``tail``, interpolated; an array beside ``sizes``."""
    from scipy.stats import binom

    count = np.maximum(binom.ppf(tail, sizes, rate), 0)
    below, upto = binom.cdf(count - 1, sizes, rate), binom.cdf(count, sizes, rate)
    # A whole count below ``count`` is outside, ``count`` itself is inside: the line runs between the two.
    share = np.clip((upto - tail) / np.maximum(upto - below, np.finfo(float).tiny), 0, 1)
    return np.clip((count - share) / sizes, 0, 1)


def _percent(share: float) -> Decimal:
    return Decimal(f"{float(share) * 100:.{_PLACES}f}")
