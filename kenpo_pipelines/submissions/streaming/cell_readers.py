"""Cells that need interpretation: one text to the value that its column stores, in every spelling that branches use.

What lives here: which of the project's cell readers a column calls for, what counts as blank, and a memory of texts met
before. What does not: the readers (``cells``, ``numerals``, ``calendar_cells``) and cells in the usual spelling
(``canonical``), for which both must agree.
"""

import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from kenpo_pipelines.catalogue.model import NATION, Catalogue
from kenpo_pipelines.submissions import calendar_cells, cells
from kenpo_pipelines.submissions.columns import Column, ColumnType
from kenpo_pipelines.submissions.decoding import is_utf8_read_as_cp932
from kenpo_pipelines.submissions.faults import CellFault
from kenpo_pipelines.submissions.grids import Cell
from kenpo_pipelines.submissions.numerals import is_none_word
from kenpo_pipelines.submissions.streaming.member_keys import identifier, part
from kenpo_pipelines.submissions.texts import squeeze, trim

UNEVALUATED = "\ue000"
"""Stands for a formula whose result the workbook does not hold."""
_REMEMBERED = 20_000
_UNDECODABLE = re.compile("[\ufffd\uf8f0-\uf8f3\x00\x1b\x80-\x9f]")
"""What stands for bytes without a character: the replacement character, bytes that cp932 leaves to the vendor, NUL, the mark
of ISO-2022-JP."""
_ERROR = re.compile(r"#(REF!|DIV/0!|VALUE!|NAME\?|N/A|NUM!|NULL!|SPILL!|CALC!|#+)", re.IGNORECASE)
_FLAGS = {"1": True, "true": True, "0": False, "false": False}

Outcome = tuple[str | None, CellFault | None]
"""A value in the spelling that the engine casts without doubt, or the fault in its place."""


class CellReader:
    """Reads the texts of one column of one table. ``has_other_unit``: the unit outside the cells is not the contract's."""

    def __init__(self, column: Column, catalogue: Catalogue, folder: str, has_other_unit: bool) -> None:
        self.column = column
        self._catalogue = catalogue
        self._folder = folder
        self._has_other_unit = has_other_unit
        self._read = self._readers()[column.type]
        self._remembered: dict[str | None, Outcome] = {}

    def __call__(self, text: str | None) -> Outcome:
        """Return the text's value, None for a blank one that is allowed, or its fault."""
        known = self._remembered.get(text)
        if known is None:
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            known = self._remembered[text] = self._outcome(text)
        return known

    def _outcome(self, text: str | None) -> Outcome:
        try:
            return _plain(self._value(trim(text or ""))), None
        except CellFault as fault:
            return None, CellFault(fault.code, fault.expected)

    def _value(self, text: str) -> Any:
        if text.isascii() and text.isalnum():  # most identifiers and numbers: nothing of what follows
            return self._read(text)
        if text == UNEVALUATED:
            raise CellFault("formula_without_value")
        if _UNDECODABLE.search(text) or is_utf8_read_as_cp932(text):
            raise CellFault("undecodable_cell")
        if _ERROR.fullmatch(text):
            raise CellFault("cell_error")
        if is_none_word(text) and not self._is_choice(text):
            if self.column.allows_blank:
                return None
            raise CellFault("missing_value")
        return self._read(text)

    def _is_choice(self, text: str) -> bool:
        return self.column.type is ColumnType.CHOICE and cells.find_choice(text, self.column.values) is not None

    def _readers(self) -> dict[ColumnType, Callable[[str], Any]]:
        return {
            ColumnType.BRANCH_CODE: self._branch_code,
            ColumnType.CHOICE: lambda text: cells.read_choice(Cell(text), self.column.values),
            ColumnType.DATE: self._date,
            ColumnType.DECIMAL: self._decimal,
            ColumnType.FLAG: _flag,
            ColumnType.IDENTIFIER: part if self.column.personal else identifier,
            ColumnType.INTEGER: self._integer,
            ColumnType.MONTH: self._month,
        }

    def _branch_code(self, text: str) -> str:
        code = cells.read_branch_code(Cell(text))
        if code not in self._catalogue.branch_by_code or code == NATION:
            raise CellFault("unknown_branch")
        return code

    def _month(self, text: str) -> str:
        month = calendar_cells.read_month(Cell(text))
        if self.column.not_after_folder and month > self._folder:
            raise CellFault("month_after_folder", self._folder)
        return month

    def _date(self, text: str) -> Any:
        date = calendar_cells.read_date(Cell(text))
        if self.column.not_after_folder and date.strftime("%Y-%m") > self._folder:
            raise CellFault("date_after_folder", self._folder)
        return date

    def _integer(self, text: str) -> int | None:
        value = cells.read_integer(Cell(text), self.column.unit, self.column.min)
        self._refuse_other_unit()
        return value

    def _decimal(self, text: str) -> Decimal | None:
        value = cells.read_decimal(Cell(text), self.column.unit, self.column.min)
        self._refuse_other_unit()
        if value is None or self.column.decimals is None:
            return value
        stored = value.quantize(Decimal(1).scaleb(-self.column.decimals))
        if stored != value:
            raise CellFault("too_many_decimals", str(self.column.decimals))
        if abs(value) >= Decimal(10) ** (18 - self.column.decimals):
            raise CellFault("number_too_long")
        return stored

    def _refuse_other_unit(self) -> None:
        if self._has_other_unit:
            raise CellFault("unit_disagrees", self.column.unit)


def _plain(value: Any) -> str | None:
    """Return the value as text: 2025-06-30, 1234.5, true."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return (
        value if value is None or isinstance(value, str) else f"{value:f}" if isinstance(value, Decimal) else str(value)
    )


def _flag(text: str) -> bool:
    # ① and ² are marks, which NFKC would turn into digits
    value = None if any(unicodedata.category(char) == "No" for char in text) else _FLAGS.get(squeeze(text))
    if value is None:
        raise CellFault("not_a_flag")
    return value
