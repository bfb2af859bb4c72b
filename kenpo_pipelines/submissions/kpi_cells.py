"""Figures and targets of one KPI: what its cell may hold for this branch and year.

What lives here: the value of a result (a number, or 実施/未実施 for qualitative KPIs) and of a target. What does
not: spellings of numbers (``numerals``) and which KPI a row is about (``rules``).
"""

from dataclasses import dataclass
from decimal import Decimal

from kenpo_pipelines.catalogue.model import Kind, Kpi, KpiVersion
from kenpo_pipelines.submissions.cells import DONE, NOT_DONE, cell_text, find_done, refuse_below
from kenpo_pipelines.submissions.faults import CellFault
from kenpo_pipelines.submissions.grids import Cell
from kenpo_pipelines.submissions.numerals import Quantity, is_none_word, read_quantity, refuse_unreadable
from kenpo_pipelines.submissions.units import is_same_unit


@dataclass(frozen=True, slots=True)
class Followed:
    """A KPI as followed for one branch in one fiscal year (a baseline year has the first version)."""

    kpi: Kpi
    version: KpiVersion
    branch_code: str

    @property
    def is_qualitative(self) -> bool:
        """True when the figure is 実施 or 未実施."""
        return self.version.kind_for(self.branch_code) is Kind.QUALITATIVE

    @property
    def unit(self) -> str:
        """The unit of the figure; '' for qualitative KPIs."""
        return self.version.unit_for(self.branch_code)

    def refuse_other_unit(self, text: str) -> None:
        """Raise :class:`CellFault` when the text names another unit than the KPI's; no text, no objection."""
        if text and not self.is_qualitative and not is_same_unit(text, self.unit):
            raise CellFault("unit_disagrees", self.unit)


@dataclass(frozen=True, slots=True)
class KpiValue:
    """A result: a number, 実施/未実施 (``is_done``), or a word for none."""

    value: Decimal | None
    word: str | None
    is_done: bool | None
    unit: str = ""


def read_kpi_value(cell: Cell, followed: Followed | None, outside_unit: str, minimum: Decimal | None) -> KpiValue:
    """Return the result in the cell.

    ``outside_unit`` is the unit that stands outside the cell and counts when the cell has none. Without ``followed``
    (the KPI is not known) only the spelling is checked.
    """
    done = None if cell.is_unevaluated else find_done(cell_text(cell))
    if done is not None and (followed is None or followed.is_qualitative):
        return KpiValue(None, DONE if done else NOT_DONE, done)
    if followed is not None and followed.is_qualitative:
        return _qualitative_without_done(cell)
    quantity = read_quantity(cell)
    if quantity.bound:
        raise CellFault("number_with_words")
    unit = quantity.unit or outside_unit
    _refuse_misfit(quantity, unit, followed, minimum)
    return KpiValue(quantity.value, quantity.word or None, None, unit)


def _qualitative_without_done(cell: Cell) -> KpiValue:
    """A qualitative KPI's cell that says neither 実施 nor 未実施 may only stand for none."""
    refuse_unreadable(cell)
    text = cell_text(cell)
    if isinstance(cell.value, str | None) and is_none_word(text):
        return KpiValue(None, text or None, None)
    raise CellFault("qualitative_number" if any(char.isdigit() for char in text) else "qualitative_word")


def read_target_value(cell: Cell, followed: Followed | None, outside_unit: str, minimum: Decimal | None) -> Quantity:
    """Return the target in the cell, with the unit that counts.

    A number for a qualitative KPI is kept as it is: beside 実施 it makes the targets contradictory, and that must be
    seen.
    """
    quantity = read_quantity(cell)
    unit = quantity.unit or outside_unit
    _refuse_misfit(quantity, unit, followed, minimum)
    return Quantity(quantity.value, unit, quantity.bound, quantity.word)


def _refuse_misfit(quantity: Quantity, unit: str, followed: Followed | None, minimum: Decimal | None) -> None:
    if quantity.value is not None and followed is not None:
        followed.refuse_other_unit(unit)
    refuse_below(quantity.value, minimum)
