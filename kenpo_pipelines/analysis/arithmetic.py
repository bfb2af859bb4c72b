"""Exact sums and one rounding at the end: what the other modules of this package calculate with.

What lives here: fractions to decimals, rounding, the median. What does not: any meaning of a number.
``catalogue.rounding`` rounds what is judged; it stands on the same floor, so this package has its own.
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

DIGITS = 60
"""Digits of every intermediate result that has no exact decimal."""


def to_decimal(number: Fraction) -> Decimal:
    """Return the fraction as a decimal of ``DIGITS`` digits; exact where it has so few."""
    with localcontext(prec=DIGITS):
        return Decimal(number.numerator) / Decimal(number.denominator)


def half_up(number: Decimal, places: int) -> Decimal:
    """Round half away from zero to ``places`` decimals; never −0."""
    with localcontext(prec=DIGITS):
        return number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP) + 0


def mean(numbers: Sequence[Decimal]) -> Fraction:
    """Return the exact mean; raise ValueError without numbers."""
    if not numbers:
        raise ValueError("nothing has no mean")
    return sum(map(Fraction, numbers), Fraction()) / len(numbers)


def median(numbers: Sequence[Decimal]) -> Decimal:
    """Return the middle number, or the mean of the two in the middle; raise ValueError without numbers."""
    if not numbers:
        raise ValueError("nothing has no median")
    ordered = sorted(numbers)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    with localcontext(prec=DIGITS):
        return (ordered[middle - 1] + ordered[middle]) / 2
