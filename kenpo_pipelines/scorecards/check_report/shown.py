"""What of a submitted cell a report may show: its value, the kind of value, or nothing (decision 030).

What lives here: that rule. What does not: finding cells. Reports are mailed and printed, and a value may stand in the wrong
column, so the rule asks the dataset first, then the column, then the text itself.
"""

import re
import unicodedata

from kenpo_pipelines.scorecards.check_report.report import Kind
from kenpo_pipelines.submissions.columns import Column, ColumnType
from kenpo_pipelines.submissions.contract import Contract

MASK = "＊＊＊"
LONGEST_SHOWN = 100
"""Characters of one cell; a report is read beside the file, which has the rest."""

_NUMBERS = frozenset({ColumnType.INTEGER, ColumnType.DECIMAL, ColumnType.KPI_VALUE, ColumnType.TARGET_VALUE})
_CALENDAR = frozenset({ColumnType.DATE, ColumnType.MONTH, ColumnType.FISCAL_YEAR})
_PERSONAL_DIGITS = 7
"""Symbols have up to 8 digits, numbers up to 7. Shorter ones say nothing without the rest."""
_DATE = re.compile(r"(?<!\d)(?:19|20)\d\d[-/.年]\d{1,2}(?:[-/.月]\d{1,2}日?)?(?!\d)")
_COMPACT_DATE = re.compile(r"(?<!\d)20\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])?(?!\d)")
_LEADING_ZERO = re.compile(r"0\d")
_GROUPED = re.compile(r"(?<![\d,.])[1-9]\d{0,2}(?:,\d{3})+(?![\d,])")
_DECIMALS = re.compile(r"(?<=\d)\.\d+")
_CHAIN = re.compile(r"\d+(?:[^0-9A-Za-z]{1,3}\d+)*")


def shown(text: str, contract: Contract, column: Column | None, *, is_faulty: bool) -> tuple[str, Kind]:
    """Return what stands in the report for a cell that reads ``text``; ``column`` is None for one that the contract does not
    know, of which nobody can say what it holds."""
    if not text:
        return "", Kind.VALUE
    if column is not None and column.personal:
        return MASK, Kind.MASKED
    if contract.has_personal_columns or column is None or column.type is ColumnType.IDENTIFIER:
        return class_of_value(
            text
        ), Kind.CLASS  # the number of an application or debt leads to a person, inside the house
    is_read = column.type in _CALENDAR or (column.type in _NUMBERS and not _LEADING_ZERO.match(_plain(text)))
    if (is_faulty or not is_read) and looks_personal(text):
        return class_of_value(text), Kind.CLASS
    return one_line(text), Kind.VALUE


def shown_above(text: str, contract: Contract) -> tuple[str, Kind]:
    """Return what stands in the report for a cell above the rows: a title, a note, a header."""
    if text and (contract.has_personal_columns or looks_personal(text)):
        return class_of_value(text), Kind.CLASS
    return one_line(text), Kind.VALUE


def looks_personal(text: str) -> bool:
    """True when digits stand together as in a symbol, a number, or both with a suffix: seven or more that are neither a date
    nor an amount with its separators, whatever stands between them."""
    plain = _plain(text)
    for harmless in (_DATE, _GROUPED, _DECIMALS):
        plain = harmless.sub(" x ", plain)
    return any(_digits(chain) >= _PERSONAL_DIGITS for chain in _CHAIN.findall(plain))


def shown_name(name: str) -> str:
    """Return the name of a file or sheet, with a mask in place of digits that look like a person's; dates stay."""
    if not looks_personal(_COMPACT_DATE.sub("x", _plain(name))):
        return name
    return re.sub(r"\d", "＊", name)


def class_of_value(text: str) -> str:
    """Return the kind of value: 数字8桁, 英数字10字, 数字8桁を含む12字, 文字3字."""
    plain = _plain(text)
    digits = _digits(plain)
    if not plain:
        return "空白"
    if digits == len(plain):
        return f"数字{digits}桁"
    if plain.isascii() and plain.isalnum():
        return f"英数字{len(plain)}字"
    return f"数字{digits}桁を含む{len(plain)}字" if digits else f"文字{len(plain)}字"


def one_line(text: str, longest: int = LONGEST_SHOWN) -> str:
    """Return the text without what hides or turns text, spaces for line ends, at most ``longest`` characters."""
    clean = "".join(" " if char in "\n\r\t" else char for char in text if char in "\n\r\t" or not _is_hiding(char))
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"


def _is_hiding(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip()


def _digits(text: str) -> int:
    return sum(char.isdecimal() for char in text)
