"""One cell to a quantity: a number with its own unit, or a word that stands for "none".

What lives here: every spelling of a number that branches use (１，４６０事業所, 1億3,700万, △3.2, 57.6％, a
workbook's 0.576 with a percent format). What does not: whether the unit fits the KPI (``rules``). Nothing is
guessed: a number with anything else around it is refused with the fault that names what it is.
"""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from kenpo_pipelines.submissions.faults import CellFault
from kenpo_pipelines.submissions.grids import Cell
from kenpo_pipelines.submissions.texts import squeeze, trim
from kenpo_pipelines.submissions.units import known_unit

STORED_PLACES = Decimal("1e-10")
"""The lake keeps figures as DECIMAL(28, 10)."""
_MOST = Decimal(10) ** 18

_NARROW = str.maketrans("０１２３４５６７８９．，％＋－−‐–／　￥（）", "0123456789.,%+----/ ¥()")
_DASHES = frozenset("―－−-‐–—─ー")
_NONE_WORDS = frozenset(
    [
        "集計中",
        "未集計",
        "集計前",
        "予定",
        "未定",
        "確認中",
        "調査中",
        "算出中",
        "算出不可",
        "新設",
        "なし",
        "無し",
        "該当なし",
        "対象外",
        "…",
        "...",
        "n/a",
    ]
)
_PLANNED = re.compile(r"(\d{1,2}月)?(公表|集計|報告|算出|実施)?予定")
_BRACKETS = str.maketrans("", "", "【】[]()（）〔〕「」")
_SEGMENT = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?"
_QUANTITY = re.compile(
    rf"(?P<sign>[-+△▲]?)\s*(?P<yen>¥?)(?P<body>(?:{_SEGMENT}\s*[兆億万千])+(?:{_SEGMENT})?|{_SEGMENT})(?P<rest>.*)",
    re.DOTALL,
)
_SCALED = re.compile(rf"({_SEGMENT})\s*([兆億万千]?)")
_SCALES = {
    "兆": Decimal(10) ** 12,
    "億": Decimal(10) ** 8,
    "万": Decimal(10) ** 4,
    "千": Decimal(10) ** 3,
    "": Decimal(1),
}
_BOUNDS = {"以上": "以上", "以下": "以下", "以内": "以下"}
_ERROR = re.compile(r"#(REF!|DIV/0!|VALUE!|NAME\?|N/A|NUM!|NULL!|SPILL!|CALC!|#+)", re.IGNORECASE)
_QUOTED = re.compile(r"\"[^\"]*\"|\\.|_.|\[[^\]]*\]")


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a numeric cell says: a number with its own unit and 以上/以下 ('' when absent), or no number and the word
    for it."""

    value: Decimal | None
    unit: str = ""
    bound: str = ""
    word: str = ""
    is_rounded: bool = False
    """The cell holds more decimals than the lake stores."""


def read_quantity(cell: Cell) -> Quantity:
    """Return the cell's quantity; raise :class:`CellFault` for anything that is neither one number nor a word for none.

    A workbook's number under a percent format is multiplied by 100 exactly (0.5760000000000001 → 57.6 %); a text
    0.576 stays 0.576.
    """
    refuse_unreadable(cell)
    value = cell.value
    if value is None:
        return Quantity(None)
    if isinstance(value, str):
        return _quantity_of_text(trim(value))
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise CellFault("unexpected_cell_type")
    number = number_of_cell(value)
    if is_percent_format(cell.number_format):
        return _fit(number * 100, "%")
    return _fit(number)


def refuse_unreadable(cell: Cell) -> None:
    """Raise :class:`CellFault` for a formula without result, an error value, or a further cell of a merge."""
    if cell.is_unevaluated:
        raise CellFault("formula_without_value")
    if isinstance(cell.value, str) and _ERROR.fullmatch(trim(cell.value)):
        raise CellFault("cell_error")
    if cell.is_spread:
        raise CellFault("merged_cell")


def number_of_cell(value: int | float | Decimal) -> Decimal:
    """Return a workbook's number as the decimal a person sees: binary noise beyond 12 digits is dropped."""
    if isinstance(value, float) and not value.is_integer():
        return Decimal(format(value, ".12g"))
    return Decimal(value)


@lru_cache(maxsize=1024)
def is_percent_format(number_format: str) -> bool:
    """True when the workbook shows the number times 100 with a % sign; a quoted "%" is only text."""
    return "%" in _QUOTED.sub("", number_format)


def is_none_word(text: str) -> bool:
    """True for a word or sign that stands for "no figure" (―, －, 集計中, 予定, 【新設】, blank)."""
    word = squeeze(trim(text).translate(_BRACKETS))
    return not word or set(trim(text)) <= _DASHES or word in _NONE_WORDS or _PLANNED.fullmatch(word) is not None


def _quantity_of_text(text: str) -> Quantity:
    if is_none_word(text):
        return Quantity(None, word=text)
    narrow = text.translate(_NARROW).strip()
    match = _QUANTITY.fullmatch(narrow)
    if match is None:
        has_words = any(char.isalpha() for char in narrow)
        has_digits = any(char in "0123456789" for char in narrow)
        if not has_digits:
            raise CellFault("word_for_number")
        raise CellFault("number_with_words" if has_words else "number_with_typo")
    unit, bound = _unit_and_bound(match["rest"])
    number = _scaled(match["body"])
    if match["sign"] in ("-", "△", "▲"):
        number = -number
    return _fit(number, unit or ("円" if match["yen"] else ""), bound)


def _scaled(body: str) -> Decimal:
    """Add up 1億3,700万; scales must descend."""
    total, previous = Decimal(0), Decimal("Infinity")
    for digits, scale in _SCALED.findall(body):
        factor = _SCALES[scale]
        if factor >= previous:
            raise CellFault("number_with_typo")
        total += Decimal(digits.replace(",", "")) * factor
        previous = factor
    return total


def _unit_and_bound(rest: str) -> tuple[str, str]:
    """Split what follows the number into unit and 以上/以下; raise the fault that names anything else."""
    rest = rest.strip()
    word, bound = rest, ""
    for ending, meaning in _BOUNDS.items():
        if rest.endswith(ending):
            word, bound = rest.removesuffix(ending).strip(), meaning
    if not word:
        return "", bound
    unit = known_unit(word)
    if unit is not None:
        return unit, bound
    raise CellFault(_fault_after_number(rest))


def _fault_after_number(rest: str) -> str:
    if re.match(r"[eE][-+]?[0-9]+$", rest):
        return "scientific_number"
    if re.match(r",[0-9]|[0-9]", rest):
        return "bad_separators"
    if rest.startswith("."):
        return "number_with_typo"
    if re.search(r"[※(＊*\[【]|注", rest):
        return "number_with_note"
    if re.search(r"[0-9]", rest):
        return "several_numbers"
    return "number_with_words" if any(char.isalpha() for char in rest) else "number_with_typo"


def _fit(number: Decimal, unit: str = "", bound: str = "") -> Quantity:
    """Round to what the lake stores, far below any printed precision."""
    if abs(number) >= _MOST:
        raise CellFault("number_too_long")
    stored = number
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -10:
        stored = number.quantize(STORED_PLACES, ROUND_HALF_UP).normalize()
    return Quantity(stored, unit, bound, is_rounded=stored != number)
