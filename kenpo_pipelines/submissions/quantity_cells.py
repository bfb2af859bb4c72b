"""One cell to an amount of money or a count, by the unit that the row itself states.

What lives here: which unit counts (that in the cell, else that of the row, the header or the title), and its factor. What does
not: spellings of numbers (``numerals``), columns whose unit the contract fixes (``cells``). An amount without any unit is a
fault: 3,201 may be yen or thousands of them, and a guess would be wrong by a factor of a thousand.
"""

from decimal import Decimal

from kenpo_pipelines.submissions.cells import cell_text, refuse_below
from kenpo_pipelines.submissions.faults import CellFault
from kenpo_pipelines.submissions.grids import Cell
from kenpo_pipelines.submissions.numerals import Quantity, is_none_word, read_quantity
from kenpo_pipelines.submissions.units import is_same_unit, known_unit

YEN = "円"
_FACTORS = {YEN: 1, "千円": 10**3, "万円": 10**4, "百万円": 10**6, "億円": 10**8}
_SCALE_WORDS = frozenset("兆億万千")


def read_amount(cell: Cell, stated_unit: str, minimum: Decimal | None) -> int | None:
    """Return the amount in yen, None for a blank cell or a word that means none.

    ``stated_unit`` is the unit outside the cell ('' for none). A unit in the cell wins over it: 80.7億円 is an amount in yen,
    whatever the column says; so is 1億3,700万, which names its scale.
    """
    quantity = _without_bound(cell)
    if quantity.value is None:
        return None
    own = quantity.unit or (YEN if _SCALE_WORDS & set(cell_text(cell)) else "")
    unit = own or stated_unit
    if not unit or is_none_word(unit):
        raise CellFault("amount_unit_missing")
    factor = _FACTORS.get(known_unit(unit) or "")
    if factor is None:
        raise CellFault("not_an_amount_unit")
    return _whole(quantity, quantity.value * factor, minimum)


def read_count(cell: Cell, stated_unit: str, minimum: Decimal | None) -> tuple[int | None, str]:
    """Return the count and the unit that the cell itself has ('' for none); a unit in the cell must be that of the row."""
    quantity = _without_bound(cell)
    if quantity.unit == "%":
        raise CellFault("unexpected_percent")
    if quantity.unit and stated_unit and not is_same_unit(quantity.unit, stated_unit):
        raise CellFault("units_disagree")
    if quantity.value is None:
        return None, quantity.unit
    return _whole(quantity, quantity.value, minimum), quantity.unit


def _without_bound(cell: Cell) -> Quantity:
    quantity = read_quantity(cell)
    if quantity.bound:
        raise CellFault("number_with_words")
    return quantity


def _whole(quantity: Quantity, number: Decimal, minimum: Decimal | None) -> int:
    if quantity.is_rounded or number != number.to_integral_value():
        raise CellFault("not_an_integer")
    if abs(number) >= 10**18:
        raise CellFault("number_too_long")
    refuse_below(number, minimum)
    return int(number)
