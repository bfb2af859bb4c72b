"""Exact arithmetic for judgements: rounding half-up at the printed precision, and how a figure is printed.

What lives here: numbers only. Quotients stay :class:`fractions.Fraction` until they are rounded once, because 1/3 has no
exact decimal and a figure rounded twice may end on the wrong side of a target.
"""

from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

_DIGITS = 60


def half_up(number: Fraction | Decimal | int, places: int) -> Decimal:
    """Round half away from zero to ``places`` decimals, exactly: 99.995 → 100.00, −0.05 → −0.1."""
    scaled = abs(Fraction(number)) * 10**places
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    with localcontext(prec=_DIGITS):
        return Decimal(whole if number >= 0 else -whole).scaleb(-places)


def plain(number: Decimal) -> str:
    """Return the shortest plain notation: 1460.0000 → '1460', 0.5760 → '0.576'."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def grouped(number: Decimal) -> str:
    """Return the plain notation with thousands separators: 2545834 → '2,545,834'."""
    text = f"{number:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def printed(number: Decimal, precision: int, unit: str) -> str:
    """Return the figure as a report prints it, with thousands separators and unit: '99.90%', '1,460事業所'."""
    with localcontext(prec=_DIGITS):
        rounded = number.quantize(Decimal(1).scaleb(-precision), rounding=ROUND_HALF_UP)
    return f"{rounded:,.{precision}f}{unit}"
