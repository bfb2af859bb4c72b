"""Fonts, colours and number formats of the workbooks.

What lives here: looks that all sheets share. What does not: which cell gets which look.

Colours: attained is a pale blue, missed an orange that is clearly darker in a grey print and bold, not evaluable has no
fill and grey letters. Blue and orange stay apart for colour-blind readers; a mark and a word stand beside them anyway.
"""

from functools import cache

from openpyxl.styles import Alignment, Border, Font, PatternFill, Side

from kenpo_pipelines.catalogue.scorecard_line import Outcome

FONT_NAME = "游ゴシック"
"""On every Windows and Mac with Office; elsewhere the reader's program substitutes a Japanese sans-serif."""

INK, QUIET_INK, RULE = "1F2933", "5F6B7A", "B8C2CC"
HEAD_FILL, GROUP_FILL, BLANK_FILL = "2F4B66", "E9EEF3", "F3F4F6"
WARN_FILL = "6B1F1F"
OUTCOME_INK: dict[Outcome, str] = {"attained": "1B4B72", "not_attained": "6E2C00", "not_evaluable": "5F6B7A"}
OUTCOME_FILL: dict[Outcome, str | None] = {"attained": "DCEAF6", "not_attained": "F7C896", "not_evaluable": None}

ALIGN_DECIMALS = 3
"""Rates print up to this many decimals; formats with fewer pad the rest, so that decimal points stand in one line."""


@cache
def font(size: float = 10, *, bold: bool = False, colour: str = INK) -> Font:
    """The sheet's font; family 3 (sans) and charset 128 (Japanese) steer the substitution where it is missing."""
    return Font(name=FONT_NAME, sz=size, b=bold, color=colour, family=3, charset=128)


@cache
def fill(colour: str) -> PatternFill:
    """A plain fill."""
    return PatternFill("solid", start_color=colour, end_color=colour)


LEFT = Alignment(horizontal="left", vertical="center", wrap_text=True, indent=1)
PLAIN_LEFT = Alignment(horizontal="left", vertical="center")
CENTRE = Alignment(horizontal="center", vertical="center", wrap_text=True)
RIGHT = Alignment(horizontal="right", vertical="center", indent=1)
PLAIN_RIGHT = Alignment(horizontal="right", vertical="center")
RIGHT_WORDS = Alignment(horizontal="right", vertical="center", wrap_text=True, indent=1)
ROW_RULE = Border(bottom=Side("hair", color=RULE))
SET_RULE = Border(bottom=Side("hair", color=RULE), left=Side("thin", color=RULE))
_HAIR = Side("hair", color=RULE)
CHIP_RULE = Border(left=_HAIR, right=_HAIR, top=_HAIR, bottom=_HAIR)
TOP_RULE = Border(top=Side("thin", color=RULE))
HEAD_RULE = Border(bottom=Side("thin", color=HEAD_FILL))


def literal(text: str) -> str:
    """Quote text for a number format; a quotation mark inside would end it, so it goes."""
    cleaned = text.replace('"', "")
    return f'"{cleaned}"' if cleaned else ""


def number_format(precision: int, unit: str, *, prefix: str = "", suffix: str = "") -> str:
    """The format that shows a figure at its KPI's precision with its unit: 0.00"%", #,##0"円".

    The cell holds the figure in the KPI's unit (99.90, never 0.999). ``_0`` leaves the width of a digit free.
    """
    whole = ("0" if unit == "%" else "#,##0") + (f".{'0' * precision}" if precision else "")
    padding = "_0" * (ALIGN_DECIMALS - precision) if 0 < precision < ALIGN_DECIMALS else ""
    return f"{literal(prefix)}{whole}{literal(unit + suffix)}{padding}"
