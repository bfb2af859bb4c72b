"""What a file says, read a second time: slowly, by other means than the project's, and only as far as there is no doubt.

Nothing of the project's reading is used. A cell has one value, or none (blank or a word for it), or it is in doubt: then
nothing may be loaded for it. What the project refuses is its own affair; what it loads must be what stands here.
"""

import datetime as dt
import io
import itertools
import re
import unicodedata
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from xml.etree import ElementTree

from kenpo_pipelines.submissions.contract import Column, ColumnType, Contract

NS = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


class Doubt(Exception):
    """Nothing can be said with certainty."""


@dataclass(frozen=True)
class Cell:
    """A cell: text, or a workbook's number under its format; ``date`` where the format shows one."""

    text: str = ""
    number: Decimal | None = None
    is_percent: bool = False
    date: dt.datetime | None = None
    is_other: bool = False
    """A truth value, an error, or a formula without its result."""


@dataclass(frozen=True)
class Line:
    """One row that is not blank. ``number`` counts lines of text, or rows of a sheet, from 1."""

    sheet: str
    number: int
    cells: tuple[Cell, ...]


# --- CSV ---


def csv_lines(text: str) -> list[Line]:
    """Split text into rows; raise Doubt where quotes do not match."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff").rstrip("\x1a\x00")
    first = next((line for line in text.split("\n") if "\t" in line or "," in line), "")
    mark = "," if "," in first else "\t"
    rows: list[Line] = []
    cells: list[str] = []
    at, line, start = 0, 1, 1
    while at <= len(text):
        if at < len(text) and text[at] == '"':
            cell, at, breaks = _quoted(text, at + 1)
            line += breaks
            if at < len(text) and text[at] not in (mark, "\n"):
                raise Doubt
        else:
            end = at
            while end < len(text) and text[end] not in (mark, "\n"):
                end += 1
            cell, at = text[at:end], end
        cells.append(cell)
        if at < len(text) and text[at] == mark:
            at += 1
            continue
        if any(one.strip() for one in cells):
            rows.append(Line("", start, tuple(Cell(one) for one in cells)))
        at, line, cells = at + 1, line + 1, []
        start = line
    return rows


def _quoted(text: str, at: int) -> tuple[str, int, int]:
    """Return a quoted cell, where it ends, and the line breaks in it."""
    begin = at
    while True:
        at = text.find('"', at)
        if at < 0:
            raise Doubt
        if text[at : at + 2] == '""':
            at += 2
            continue
        cell = text[begin:at].replace('""', '"')
        return cell, at + 1, cell.count("\n")


# --- workbooks ---


def book_lines(data: bytes, *, spread: bool) -> list[Line]:
    """Return the rows of every sheet; raise Doubt for a workbook that is damaged in any way.

    ``spread``: the value of cells that are merged downwards counts in all their rows, else in the first alone.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return list(_book(archive, spread))
    except Doubt:
        raise
    except Exception as error:  # whatever is wrong with it
        raise Doubt from error


def _book(archive: zipfile.ZipFile, spread: bool) -> Iterator[Line]:
    book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
    links = {
        one.get("Id"): one.get("Target", "")
        for one in ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    }
    settings = next((one for one in book.iter() if one.tag.endswith("}workbookPr")), None)
    epoch = dt.datetime(1904, 1, 1) if settings is not None and settings.get("date1904") in ("1", "true") else None
    strings = _strings(archive)
    formats = _formats(archive)
    for sheet in (one for one in book.iter() if one.tag.endswith("}sheet")):
        target = next(links[text] for name, text in sheet.attrib.items() if name.endswith("}id"))
        path = target[1:] if target.startswith("/") else f"xl/{target}"
        root = ElementTree.fromstring(archive.read(path))
        yield from _sheet(root, sheet.get("name", ""), strings, formats, epoch, spread)


def _strings(archive: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in archive.namelist():
        return []
    return [_text(one) for one in ElementTree.fromstring(archive.read("xl/sharedStrings.xml")).iter(f"{NS}si")]


def _text(node: Any) -> str:
    """Text of a string; what is written above it to help reading does not belong to it."""
    parts = []
    for child in node:
        if child.tag == f"{NS}t":
            parts.append(child.text or "")
        elif child.tag == f"{NS}r":
            parts += [one.text or "" for one in child.iter(f"{NS}t")]
    return "".join(parts)


def _formats(archive: zipfile.ZipFile) -> list[str]:
    root = ElementTree.fromstring(archive.read("xl/styles.xml"))
    own = {one.get("numFmtId"): one.get("formatCode", "") for one in root.iter(f"{NS}numFmt")}
    known = {"9": "0%", "10": "0.00%", **{str(at): "yyyy-mm-dd" for at in (*range(14, 23), *range(45, 48))}}
    used = root.find(f"{NS}cellXfs")
    return [own.get(one.get("numFmtId", "0"), known.get(one.get("numFmtId", "0"), "")) for one in (used or ())]


def _sheet(
    root: Any, title: str, strings: list[str], formats: list[str], epoch: dt.datetime | None, spread: bool
) -> Iterator[Line]:
    rows: dict[int, dict[int, Cell]] = {}
    number = 0
    for row in root.iter(f"{NS}row"):
        number = int(row.get("r", number + 1))
        column = 0
        for one in row.findall(f"{NS}c"):
            place = re.fullmatch(r"([A-Z]+)([0-9]+)", one.get("r", ""))
            column = _column(place[1]) if place else column + 1
            rows.setdefault(number, {})[column] = _cell(one, strings, formats, epoch)
    for one in root.iter(f"{NS}mergeCell"):
        ends = re.fullmatch(r"([A-Z]+)([0-9]+):([A-Z]+)([0-9]+)", one.get("ref", ""))
        if ends is None or ends[1] != ends[3]:
            raise Doubt
        column = _column(ends[1])
        first = rows.get(int(ends[2]), {}).get(column, Cell())
        for below in range(int(ends[2]) + 1, int(ends[4]) + 1):
            rows.setdefault(below, {})[column] = first if spread else Cell()
    for number, cells in sorted(rows.items()):
        line = tuple(cells.get(at, Cell()) for at in range(1, max(cells) + 1))
        if any(cell.text.strip() or cell.number is not None or cell.is_other for cell in line):
            yield Line(title, number, line)


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def _cell(node: Any, strings: list[str], formats: list[str], epoch: dt.datetime | None) -> Cell:
    kind, value = node.get("t", "n"), node.findtext(f"{NS}v")
    if kind == "inlineStr":
        return Cell(_text(node.find(f"{NS}is")) if node.find(f"{NS}is") is not None else "")
    if value is None or value == "":
        return Cell(is_other=node.find(f"{NS}f") is not None)
    if kind == "s":
        return Cell(strings[int(value)])
    if kind == "str":
        return Cell(value)
    if kind == "b" and value in ("0", "1"):
        return Cell("FALSE" if value == "0" else "TRUE")
    if kind != "n":
        return Cell(is_other=True)
    if re.fullmatch(r"\s*[-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?\s*", value) is None:
        return Cell(is_other=True)
    number = Decimal(value.strip()) if float(value) else Decimal(0)
    shown = re.sub(r'"[^"]*"|\\.|\[[^\]]*\]', "", formats[int(node.get("s", 0))])
    if "%" in shown:
        return Cell(number=number, is_percent=True)
    if re.search("[ymdh]", shown.lower()) and shown.lower() != "general":
        begin = epoch or dt.datetime(1899, 12, 30)
        try:
            return Cell(number=number, date=begin + dt.timedelta(days=float(number)))
        except OverflowError:
            return Cell(is_other=True)
    return Cell(number=number)


# --- what a cell says ---

_NONE = {
    "",
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
}
_NONE |= {"該当なし", "対象外", "...", "n/a"}
_SPACE = re.compile(r"[\s\u3000\u00a0\u200b-\u200d\u2060\ufeff]+")
_DASHES = str.maketrans(dict.fromkeys("―－−‐‑–—─", "-"))
_UNITS = {
    "%",
    "日",
    "日間",
    "円",
    "千円",
    "百万円",
    "事業所",
    "社",
    "人",
    "名",
    "千人",
    "件",
    "件数",
    "支部",
    "回",
    "点",
}
_SAME = {"社": "事業所", "名": "人", "件数": "件", "日間": "日"}


def plain(text: str) -> str:
    """The text without spaces, in the usual width; in doubt where it holds what no keyboard types."""
    if any(unicodedata.category(char) in ("Cc", "No", "Co", "Cs") and char not in "\t\n\r\v\f" for char in text):
        raise Doubt
    if "\ufffd" in text:
        raise Doubt
    return _SPACE.sub("", unicodedata.normalize("NFKC", text)).translate(_DASHES)


def is_none(text: str) -> bool:
    """True for a blank cell or a word for none."""
    word = text.strip("【】[]()（）〔〕「」").lower()
    return (
        word in _NONE
        or set(text) <= {"-", "ー"}
        or re.fullmatch(r"(\d+月)?(公表|集計|報告|算出|実施)?予定", word) is not None
    )


def number(cell: Cell) -> tuple[Decimal | None, str]:
    """Return the number and its unit, or None for none."""
    if cell.is_other or cell.date is not None:
        raise Doubt
    if cell.number is not None:
        shown = (
            Decimal(format(float(cell.number), ".12g"))
            if cell.number != cell.number.to_integral_value()
            else cell.number
        )
        return (shown * 100, "%") if cell.is_percent else (shown, "")
    text = plain(cell.text)
    if is_none(text):
        return None, ""
    found = re.fullmatch(r"([-+△▲]?)([¥\\]?)([0-9,.兆億万千]+)(.*)", text, re.DOTALL)
    if found is None:
        raise Doubt
    body, unit = _amount(found[3], found[4])
    unit = _SAME.get(unit, unit)
    if unit and unit not in _UNITS:
        raise Doubt
    return (-body if found[1] in ("-", "△", "▲") and found[1] else body), unit or ("円" if found[2] else "")


def _amount(body: str, rest: str) -> tuple[Decimal, str]:
    """千 before 円 or 人 may be a unit or a factor of the number: then the value differs, and it is the factor."""
    rest = re.sub(r"(以上|以下|以内)$", "", rest)
    total, left, last = Decimal(0), body, Decimal(10) ** 20
    while left:
        part = re.match(r"([0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?)([兆億万千]?)", left)
        if part is None:
            raise Doubt
        factor = {"兆": 10**12, "億": 10**8, "万": 10**4, "千": 10**3, "": 1}[part[2]]
        if factor >= last:
            raise Doubt
        total += Decimal(part[1].replace(",", "")) * factor
        last, left = Decimal(factor), left[part.end() :]
        if not part[2] and left:
            raise Doubt
    return total, rest


_ERAS = {"令和": 2018, "R": 2018, "平成": 1988, "H": 1988}


def date_parts(cell: Cell) -> tuple[int, int, int | None]:
    """Return year, month and day (None where only a month is given)."""
    if cell.is_other or cell.is_percent:
        raise Doubt
    if cell.date is not None:
        return cell.date.year, cell.date.month, cell.date.day
    text = plain(_digits(cell.number) if cell.number is not None else cell.text)
    text = re.sub(r"(T?0?0:00(:00(\.0+)?)?)$", "", text, flags=re.IGNORECASE)
    text = re.sub(r"(末日?|分|時点|現在)+$", "", text)
    if re.fullmatch(r"[0-9]{5}", text):
        day = dt.date(1899, 12, 30) + dt.timedelta(days=int(text))
        return day.year, day.month, day.day
    if found := re.fullmatch(r"(20[0-9]{2})([0-9]{2})([0-9]{2})?", text):
        return _real(int(found[1]), int(found[2]), found[3])
    found = re.fullmatch(
        r"(?:(20[0-9]{2})|(令和|平成|[RrHh])\.?(元|[0-9]{1,2}))(?:年|[-/.])([0-9]{1,2})(?:月?[-/.]?([0-9]{1,2})日?|月?[-/.]?)",
        text,
    )
    if found is None or re.fullmatch(r"[0-9]{4}\.1", text):
        raise Doubt
    year = int(found[1]) if found[1] else _ERAS[found[2].upper()] + (1 if found[3] == "元" else int(found[3]))
    return _real(year, int(found[4]), found[5])


def _digits(value: Decimal) -> str:
    if value != value.to_integral_value():
        raise Doubt
    return str(int(value))


def _real(year: int, month: int, day: str | None) -> tuple[int, int, int | None]:
    try:
        dt.date(year, month, int(day or 1))
    except ValueError as error:
        raise Doubt from error
    return year, month, int(day) if day else None


def word(cell: Cell) -> str:
    """The cell's words in the form in which two spellings are equal."""
    if cell.is_other:
        raise Doubt
    if cell.number is not None:
        return _digits(cell.number)
    return plain(cell.text).casefold()


def meaning(column: Column, cell: Cell) -> Any:
    """Return the one value that the cell has in its column, None for none; raise Doubt."""
    if cell.is_other:
        raise Doubt
    try:
        if cell.number is None and is_none(plain(cell.text)) and column.type is not ColumnType.IDENTIFIER:
            return None
        return _meaning(column, cell)
    except (InvalidOperation, OverflowError, ValueError) as error:
        raise Doubt from error


def _meaning(column: Column, cell: Cell) -> Any:
    match column.type:
        case ColumnType.INTEGER | ColumnType.DECIMAL | ColumnType.KPI_VALUE | ColumnType.TARGET_VALUE:
            value, unit = number(cell)
            wanted = _SAME.get(column.unit, column.unit)
            if wanted and unit and unit != wanted:
                raise Doubt
            return value
        case ColumnType.DATE:
            year, month, day = date_parts(cell)
            if day is None:
                raise Doubt
            return dt.date(year, month, day)
        case ColumnType.MONTH:
            year, month, _ = date_parts(cell)
            return f"{year}-{month:02d}"
        case ColumnType.FLAG:
            return {"1": True, "0": False, "true": True, "false": False}[word(cell)] if _is_flag(cell) else _doubt()
        case ColumnType.CHOICE | ColumnType.COMPARATOR:
            return _choice(column, word(cell))
        case ColumnType.IDENTIFIER:
            text = plain(_digits(cell.number) if cell.number is not None else cell.text)
            return None if is_none(text) else text
        case ColumnType.BRANCH_CODE:
            found = word(cell)
            return found.zfill(2) if re.fullmatch("[0-9]{1,2}", found) else _doubt()
        case ColumnType.FISCAL_YEAR:
            found = re.fullmatch(r"(?:(20[0-9]{2})|(令和|平成|r|h)\.?(元|[0-9]{1,2}))(?:年度?)?", word(cell))
            if found is None:
                raise Doubt
            if found[1]:
                return int(found[1])
            return _ERAS[found[2].upper()] + (1 if found[3] == "元" else int(found[3]))
        case ColumnType.KPI:
            return word(cell)
        case _:
            return cell.text


def _is_flag(cell: Cell) -> bool:
    return word(cell) in ("1", "0", "true", "false")


def _doubt() -> Any:
    raise Doubt


def _choice(column: Column, found: str) -> str | None:
    if is_none(found):
        return None
    for value, spellings in column.values.items():
        if found in {plain(one).casefold() for one in (value, *spellings)}:
            return value
    raise Doubt


# --- tables ---


def columns_of(lines: Sequence[Line], contract: Contract) -> tuple[int, dict[str, int]]:
    """Return the position of the header among the lines, and of each column in it; raise Doubt where there is none.

    A header that stands there a second time, with more columns, is the one that counts; one that is broken over two lines
    (支部コー, then ド,対象者数 …) is the two together.
    """
    for at, line in enumerate(lines[:30]):
        if (found := _columns(line, contract)) is not None:
            below = _columns(lines[at + 1], contract) if at + 1 < len(lines) else None
            return (at + 1, below) if below and len(below) > len(found) else (at, found)
        if at + 1 < len(lines) and (found := _columns(_together(line, lines[at + 1]), contract)) is not None:
            return at + 1, found
    raise Doubt


def _together(upper: Line, lower: Line) -> Line:
    pairs = itertools.zip_longest(upper.cells, lower.cells, fillvalue=Cell())
    return Line(lower.sheet, lower.number, tuple(Cell(one.text + other.text) for one, other in pairs))


def _columns(line: Line, contract: Contract) -> dict[str, int] | None:
    found: dict[str, int] = {}
    for position, cell in enumerate(line.cells):
        column = _named(cell.text, contract)
        if column is not None and column.name in found:
            raise Doubt
        if column is not None:
            found[column.name] = position
    return found if all(column.name in found for column in contract.columns if column.required) else None


def _named(text: str, contract: Contract) -> Column | None:
    wanted = _SPACE.sub("", unicodedata.normalize("NFKC", text)).translate(_DASHES).casefold()
    bare = re.sub(rf"\(({'|'.join(_UNITS)}|必須|任意)\)$", "", wanted)
    for column in contract.columns:
        names = {plain(one).casefold() for one in (column.header, column.name, *column.aliases)}
        if wanted in names or bare in names:
            return column
    return None
