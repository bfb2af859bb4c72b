"""One cell to a typed value: text, numbers, choices, branch codes.

What lives here: the types that need nothing but the cell and its column. What does not: numbers' spellings
(``numerals``), dates (``calendar_cells``), and rules that need the catalogue (``rules``).
"""

import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal

from kenpo_pipelines.submissions.faults import CellFault
from kenpo_pipelines.submissions.grids import Cell
from kenpo_pipelines.submissions.numerals import (
    Quantity,
    is_percent_format,
    number_of_cell,
    read_quantity,
    refuse_unreadable,
)
from kenpo_pipelines.submissions.texts import squeeze, trim
from kenpo_pipelines.submissions.units import is_same_unit

DONE = "実施"
NOT_DONE = "未実施"
_DONE_WORDS = {squeeze(word): word_is_done for words, word_is_done in (
    (("実施", "実施済", "実施済み", "○", "〇", "◯"), True),
    (("未実施", "実施せず", "×", "✕", "✖"), False),
) for word in words}  # fmt: skip


def cell_text(cell: Cell) -> str:
    """Return the cell as a person sees it, trimmed: 57.6% for 0.576 under a percent format, 2025-06-30 for a date."""
    value = cell.value
    if value is None or isinstance(value, str):
        return trim(value or "")
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float | Decimal):
        number = number_of_cell(value)
        is_percent = is_percent_format(cell.number_format)
        return f"{(number * 100 if is_percent else number).normalize():f}{'%' if is_percent else ''}"
    if isinstance(value, dt.datetime):
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)


def read_text(cell: Cell) -> str:
    """Return the trimmed text, '' for a blank cell."""
    if cell.is_unevaluated:
        raise CellFault("formula_without_value")
    return cell_text(cell)


def read_decimal(cell: Cell, unit: str = "", minimum: Decimal | None = None) -> Decimal | None:
    """Return the number, None for a word that means none.

    ``unit`` is what a unit in the cell must be; '' allows any but %.
    """
    return _read_number(cell, unit, minimum).value


def refuse_below(value: Decimal | None, minimum: Decimal | None) -> None:
    """Raise :class:`CellFault` when the value is under the column's minimum."""
    if value is not None and minimum is not None and value < minimum:
        raise CellFault("below_minimum", f"{minimum:f}")


def read_integer(cell: Cell, unit: str = "", minimum: Decimal | None = None) -> int | None:
    """Return the whole number, None for a word that means none."""
    quantity = _read_number(cell, unit, minimum)
    if quantity.value is None:
        return None
    if quantity.is_rounded or quantity.value != quantity.value.to_integral_value():
        raise CellFault("not_an_integer")
    return int(quantity.value)


def _read_number(cell: Cell, unit: str, minimum: Decimal | None) -> Quantity:
    quantity = read_quantity(cell)
    if quantity.bound:
        raise CellFault("number_with_words")
    if not unit and quantity.unit == "%":
        raise CellFault("unexpected_percent")
    if unit and quantity.unit and not is_same_unit(unit, quantity.unit):
        raise CellFault("unit_disagrees", unit)
    refuse_below(quantity.value, minimum)
    return quantity


def read_branch_code(cell: Cell) -> str:
    """Return two digits. A lost leading zero (5 for 05) is restored here and nowhere else: the column is the branch
    code."""
    if cell.is_unevaluated:
        raise CellFault("formula_without_value")
    value = cell.value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise CellFault("not_a_branch_code")
    text = trim(str(value)).translate(str.maketrans("０１２３４５６７８９", "0123456789"))
    if re.fullmatch(r"[0-9]{1,2}", text) is None:
        raise CellFault("not_a_branch_code")
    return text.zfill(2)


def read_choice(cell: Cell, choices: Mapping[str, tuple[str, ...]]) -> str:
    """Return the allowed value that the cell names by itself or by one of its spellings."""
    refuse_unreadable(Cell(cell.value, cell.number_format, cell.is_unevaluated))
    found = find_choice(cell_text(cell), choices)
    if found is None:
        raise CellFault("unknown_choice", "、".join(choices))
    return found


def find_choice(text: str, choices: Mapping[str, tuple[str, ...]]) -> str | None:
    """Return the allowed value that the text names, or None."""
    wanted = squeeze(text)
    for choice, spellings in choices.items():
        if wanted in (squeeze(choice), *map(squeeze, spellings)):
            return choice
    return None


def find_done(text: str) -> bool | None:
    """Return True for 実施 or ○, False for 未実施 or ×, None for any other word."""
    return _DONE_WORDS.get(squeeze(text))
