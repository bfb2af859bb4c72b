"""One figure: a KPI's value for a branch at a month's end, as reported or computed.

What lives here: which number of a figure counts. What does not: whether it meets a target (``judgement``).
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from kenpo_pipelines.catalogue.model import Kind
from kenpo_pipelines.catalogue.rounding import half_up


@dataclass(frozen=True, slots=True)
class Figure:
    """A KPI's figure in the unit of the catalogue (percent as 57.6, not 0.576). ``as_of`` is its own month."""

    as_of: str
    value: Decimal | None = None
    numerator: Decimal | None = None
    denominator: Decimal | None = None
    is_done: bool | None = None

    def quotient(self, kind: Kind) -> Fraction | None:
        """Return numerator ÷ denominator (× 100 for a rate) exactly; None without counts or for a zero denominator."""
        if kind not in (Kind.RATE, Kind.MEAN) or self.numerator is None or not self.denominator:
            return None
        return Fraction(self.numerator) / Fraction(self.denominator) * (100 if kind is Kind.RATE else 1)

    def disagrees(self, kind: Kind, precision: int) -> bool:
        """True when the reported value and its own counts differ at the printed precision."""
        quotient = self.quotient(kind)
        if quotient is None or self.value is None:
            return False
        return half_up(quotient, precision) != half_up(self.value, precision)

    def exact(self, kind: Kind, precision: int) -> Fraction | None:
        """Return the unrounded figure, or None when there is none.

        That is the quotient of its counts. Where the reported value contradicts its own counts the reported value stands
        (nobody can tell which of the three numbers is wrong; a check names them), and where there are no counts too.
        """
        quotient = self.quotient(kind)
        if self.value is None:
            return quotient
        if quotient is not None and not self.disagrees(kind, precision):
            return quotient
        return Fraction(self.value)
