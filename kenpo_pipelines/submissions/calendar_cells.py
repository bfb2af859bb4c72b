"""One cell to a month, a date or a fiscal year, in every form that branches type.

What lives here: 令和７年４月, R7.4.1, 2025/4/1, 20250401, 202504, Excel serials and dates; 令和7年度, R7. What does
not: the calendar itself (``kenpo_pipelines.fiscal``). A month without a year, and 2025.1 (January, or October that
lost its zero), are refused.
"""

import datetime as dt
import re
import unicodedata
from decimal import Decimal

from kenpo_pipelines.submissions.faults import CellFault
from kenpo_pipelines.submissions.grids import Cell
from kenpo_pipelines.submissions.numerals import number_of_cell
from kenpo_pipelines.submissions.texts import squeeze

_ERAS = {"令和": 2018, "r": 2018, "平成": 1988, "h": 1988}
_ERA_YEAR = r"(?P<era>令和|平成|r|h)\.?(?P<era_year>元|\d{1,2})"
_YEAR = rf"(?:(?P<year>20\d{{2}})|{_ERA_YEAR})"
_TAIL = r"(?:末日?|分|時点|現在)*"
_WITH_MARKS = re.compile(
    rf"{_YEAR}(?:年|[-/.])(?P<month>\d{{1,2}})(?:月|(?=\D)|$)(?:[-/.]?(?P<day>\d{{1,2}})日?)?{_TAIL}"
)
_COMPACT = re.compile(r"(?P<year>20\d{2})(?P<month>\d{2})(?P<day>\d{2})?")
_FISCAL_YEAR = re.compile(rf"{_YEAR}(?:年度?)?")
_SERIAL = re.compile(r"\d{5}")
_SERIAL_RANGE = range(42_005, 51_502)  # 2015-01-01 … 2040-12-31: no other five-digit reading exists there
_MIDNIGHT = re.compile(r"[ T]0?0:00(:00(\.0+)?)?\s*$")
_EPOCH = dt.date(1899, 12, 30)


def read_month(cell: Cell) -> str:
    """Return the month ``YYYY-MM``; of a date its month is taken."""
    return _date_parts(cell, "not_a_month")[0]


def read_date(cell: Cell) -> dt.date:
    """Return the date; a month alone is refused."""
    month, day = _date_parts(cell, "not_a_date")
    if day is None:
        raise CellFault("not_a_date")
    return dt.date.fromisoformat(f"{month}-{day:02d}")


def read_fiscal_year(cell: Cell) -> int:
    """Return the fiscal year (2025, 令和7年度, R7); 7年度 without an era is refused."""
    text = _plain_text(cell, "not_a_fiscal_year")
    match = _FISCAL_YEAR.fullmatch(text)
    if match is None:
        raise CellFault("not_a_fiscal_year")
    return _year(match)


def fiscal_year_in(text: str) -> int | None:
    """Return the fiscal year that a title names (令和７年度 支部事業計画 …), or None; two different years are None
    too."""
    years = {_year(match) for match in re.finditer(rf"{_YEAR}年度", squeeze(text))}
    return years.pop() if len(years) == 1 else None


def _date_parts(cell: Cell, fault: str) -> tuple[str, int | None]:
    if isinstance(cell.value, dt.datetime | dt.date) and not cell.is_unevaluated:
        return cell.value.strftime("%Y-%m"), cell.value.day
    text = _plain_text(cell, fault)
    if _SERIAL.fullmatch(text) and int(text) in _SERIAL_RANGE:
        day = _EPOCH + dt.timedelta(days=int(text))
        return day.strftime("%Y-%m"), day.day
    if re.fullmatch(r"\d{4}\.1", text):
        raise CellFault("ambiguous_month")
    if re.fullmatch(rf"\d{{1,2}}月{_TAIL}", text):
        raise CellFault("month_without_year")
    match = _COMPACT.fullmatch(text) or _WITH_MARKS.fullmatch(text)
    if match is None:
        raise CellFault(fault)
    day_text = match["day"]
    try:
        date = dt.date(_year(match), int(match["month"]), int(day_text or 1))
    except ValueError as error:
        raise CellFault(fault) from error
    return date.strftime("%Y-%m"), date.day if day_text else None


def _year(match: re.Match[str]) -> int:
    groups = match.groupdict()
    if groups["year"]:
        return int(groups["year"])
    number = 1 if groups["era_year"] == "元" else int(groups["era_year"])
    return _ERAS[groups["era"]] + number


def _plain_text(cell: Cell, fault: str) -> str:
    if cell.is_unevaluated:
        raise CellFault("formula_without_value")
    value = cell.value
    if isinstance(value, bool):
        raise CellFault(fault)
    if isinstance(value, int | float | Decimal):
        number = number_of_cell(value)
        return str(int(number)) if number == number.to_integral_value() else str(number)
    if isinstance(value, str):
        # The date marks ． － − ― are narrowed too; ① and ² become no digits because no pattern allows them.
        if any(unicodedata.category(char) == "No" for char in value):
            raise CellFault(fault)
        return squeeze(_MIDNIGHT.sub("", value))
    raise CellFault(fault)
