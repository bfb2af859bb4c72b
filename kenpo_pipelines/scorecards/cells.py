"""Putting text and numbers into cells safely, and how much room they need.

What lives here: the one way text gets into a workbook (never a formula), the one way a figure does (an exact number),
and widths and heights estimated from East Asian character widths. What does not: colours and layout.
"""

import math
import re
import unicodedata
from decimal import Decimal

from openpyxl.cell.cell import Cell
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

LINE_POINTS = 16.5
"""Height of one line at 10 points: 游ゴシック needs more room than its size says."""
ROW_PADDING = 5.5
_DIGIT_PIXELS = 8.0
"""A column unit: one digit of the default font, 游ゴシック at 11 points."""
_HALF_WIDTH_PIXELS = 7.0
"""Half of a kanji at 10 points, and a little more: digits and Latin letters of 游ゴシック are wider than half."""
_MAX_TEXT = 32_767
_EXACT_DIGITS = 15
# What XML 1.0 forbids: control characters, surrogates, the two non-characters.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_RISKY = re.compile(r"[=+\-@＝＋－＠]")


def at(sheet: Worksheet, row: int, column: int) -> Cell:
    """Return the cell; raise TypeError where a merged range covers it, for what is written there is never seen."""
    cell = sheet.cell(row, column)
    if not isinstance(cell, Cell):
        raise TypeError(f"{sheet.title}: row {row}, column {column} lies under a merged cell")
    return cell


def clean(text: str) -> str:
    """Return the text with line ends as \\n, without characters that XML forbids, at the length a cell can hold."""
    unified = text.replace("\r\n", "\n").replace("\r", "\n")
    return _NOT_XML.sub("", unified)[:_MAX_TEXT]


def put_text(cell: Cell, text: str) -> None:
    """Write text as text. What a spreadsheet might run (= + - @ at the start, after blanks too) is marked as quoted.

    Left to itself, ``cell.value = text`` turns '=1+1' into a formula and '#N/A' into an error value.
    """
    cleaned = clean(text)
    cell.value = cleaned
    cell.data_type = "s"
    if _RISKY.match(cleaned.lstrip()):
        cell.quotePrefix = True


def put_number(cell: Cell, value: Decimal | int, number_format: str) -> None:
    """Write a number with its format. Beyond the 15 digits that a spreadsheet keeps, the digits are written as text."""
    exact = Decimal(value)
    cell.number_format = number_format
    if len(exact.normalize().as_tuple().digits) > _EXACT_DIGITS:
        put_text(cell, f"{exact:,f}")
    else:
        cell.value = exact


def width(text: str) -> int:
    """Width of one line in half-width characters; ambiguous characters (―, ※, ○) are wide in Japanese fonts."""
    return sum(2 if unicodedata.east_asian_width(char) in "WFA" else 1 for char in text)


def column_units(text: str) -> float:
    """Width that a column needs to show the text on one line at 10 points, with room on both sides."""
    return width(text) * _HALF_WIDTH_PIXELS / _DIGIT_PIXELS + 2


def line_count(text: str, column_width: float, size: float = 10) -> int:
    """How many lines the text takes in a wrapped cell of that column width."""
    room = max(2, int((column_width * _DIGIT_PIXELS - 8) / (_HALF_WIDTH_PIXELS * size / 10)))
    return sum(max(1, math.ceil(width(line) / room)) for line in text.split("\n"))


def row_height(lines: int, size: float = 10) -> float:
    """Points for a row of so many lines."""
    return round(lines * LINE_POINTS * size / 10 + ROW_PADDING, 1)


def set_widths(sheet: Worksheet, widths: list[float]) -> None:
    """Set the widths of the first columns."""
    for index, digits in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(index)].width = digits
