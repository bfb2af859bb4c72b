"""A workbook weighed before it is opened: what its parts hold is counted as they stream by, and nothing is built of it.

What lives here: refusing what would fill the memory, never end, or run something; and what the parts tell about cells beside
their values (formulas, merged ranges, hidden rows). What does not: values (``workbooks``). Only the sizes that the archive
states are unpacked: Python's zipfile never gives more than those, and compares each part's checksum at its end.
"""

import posixpath
import re
import zipfile
from array import array
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import BinaryIO
from xml.parsers import expat

from kenpo_pipelines.submissions import limits
from kenpo_pipelines.submissions.faults import FileFault
from kenpo_pipelines.submissions.limits import WorkbookLimits, refuse_above, refuse_inflated
from kenpo_pipelines.submissions.outside import is_fit

_PIECE = 1 << 18
_CONTENT_TYPES = "[Content_Types].xml"
_BOOK, _STYLES = "xl/workbook.xml", "xl/styles.xml"
_PACKED_BY = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MACROS = re.compile(r"vbaproject|vbadata|/macrosheets/")
_NEVER_OPENED = (
    "customXml/",
    "xl/embeddings/",
    "xl/externalLinks/",
    "xl/media/",
    "xl/pivotCache/",
    "xl/printerSettings/",
)
"""Other workbooks, objects and pictures: openpyxl leaves them alone, but for what the drawing of a chart sheet refers to."""
_CELL = re.compile(r"([A-Za-z]{1,3})([0-9]{1,7})")
_RANGE = re.compile(r"([A-Za-z]{1,3})([0-9]{1,7})(?::([A-Za-z]{1,3})([0-9]{1,7}))?")
_BLANKS, _DIGITS = " \t\r\n", "0123456789"
_KINDS = {
    "n": f"{_DIGITS}+-.eE{_BLANKS}",
    "s": f"{_DIGITS}{_BLANKS}",
    "b": f"01{_BLANKS}",
    **dict.fromkeys(("str", "inlineStr", "d", "e"), ""),
}
"""Of what a cell's value consists, by the cell's kind; '' for anything."""
_COLUMN_BITS = 14

Range = tuple[int, int, int, int]
"""First row, first column, last row, last column, from 1."""


class Damaged(Exception):
    """The parts contradict the format. Excel would not open such a workbook either."""


@dataclass
class SheetParts:
    """What a sheet's part tells beside values."""

    merged: list[Range] = field(default_factory=list)
    hidden_rows: set[int] = field(default_factory=set)
    _formulas: "array[int]" = field(default_factory=lambda: array("Q"))

    def add_formula(self, row: int, column: int) -> None:
        """Note a formula; cells come in order."""
        self._formulas.append(row << _COLUMN_BITS | column - 1)

    def is_formula(self, row: int, column: int) -> bool:
        """True when the cell holds a formula, whether its result is stored or not."""
        wanted = row << _COLUMN_BITS | column - 1
        at = bisect_left(self._formulas, wanted)
        return at < len(self._formulas) and self._formulas[at] == wanted


def weigh(file: BinaryIO, most: WorkbookLimits) -> dict[str, SheetParts]:
    """Return what the sheets' parts tell, by the sheets' names.

    Raises :class:`FileFault`: ``not_a_workbook``, ``too_large``, ``unreasonable_size``, ``too_many_cells``, ``has_macros``,
    ``has_definitions`` or ``unfit_sheet_name``; :class:`Damaged`, and what zipfile and expat raise, for a damaged workbook.
    """
    packed = file.seek(0, 2)
    refuse_above(packed, most.packed)
    with zipfile.ZipFile(file) as archive:
        sizes = _sizes(archive, packed, most)
        types = _Links(archive, _CONTENT_TYPES).found
        book = _book_part(sizes, types)
        links = _targets(archive, book, sizes)
        sheets: dict[str, SheetParts] = {}
        weighed: set[str] = set()
        cells = _Count(most.cells, "too_many_cells")
        for title, link in _titles(archive, book).items():
            target = links[link]["Target"] if link in links else ""
            if target not in sizes or target in weighed:
                raise Damaged("a sheet without a part, or two of one part")
            weighed.add(target)
            sheets[title] = _Sheet(archive, target, cells).parts
        strings = {one["PartName"][1:] for one in types if one.get("ContentType", "").endswith(".sharedStrings+xml")}
        may_be_opened = any("chartsheet" in link.get("Type", "") for link in links.values())
        for name in sizes.keys() - weighed:
            if name in strings:
                _Strings(archive, name, most.strings)
            elif may_be_opened or not name.startswith(_NEVER_OPENED):
                _weigh_other(archive, name)
        return sheets


def _sizes(archive: zipfile.ZipFile, packed: int, most: WorkbookLimits) -> dict[str, int]:
    """Return the parts' sizes by name; a name that occurs twice could be read in two ways."""
    parts = archive.infolist()
    if len(parts) > limits.MOST_PARTS:
        raise FileFault("unreasonable_size")
    if len({part.filename.casefold() for part in parts}) < len(parts):
        raise Damaged("two parts of one name")
    if any(part.compress_type not in _PACKED_BY for part in parts):
        raise Damaged("packed in a way that no workbook is")
    if any(_MACROS.search(part.filename.casefold()) for part in parts):
        raise FileFault("has_macros")
    total = sum(part.file_size for part in parts)
    refuse_inflated(total, packed)
    refuse_above(total, most.unpacked)
    sizes = {part.filename: part.file_size for part in parts}
    if _CONTENT_TYPES not in sizes:
        raise FileFault("not_a_workbook")
    return sizes


def _book_part(sizes: Mapping[str, int], types: list[dict[str, str]]) -> str:
    """Return the name of the part that lists the sheets."""
    mains = [one for one in types if ".main+xml" in one.get("ContentType", "") and "PartName" in one]
    books = [one for one in mains if re.search(r"sheet|template|addin", one["ContentType"], re.IGNORECASE)]
    if any("macroenabled" in one["ContentType"].casefold() for one in books):
        raise FileFault("has_macros")
    name = books[0]["PartName"].removeprefix("/") if books else _BOOK
    if name not in sizes or len(books) > 1:
        raise FileFault("not_a_workbook")
    return name


def _targets(archive: zipfile.ZipFile, book: str, sizes: Mapping[str, int]) -> dict[str, dict[str, str]]:
    """Return the links of the book to its parts, by their ids, each target as a name in the archive."""
    folder, _, file = book.rpartition("/")
    name = f"{folder}/_rels/{file}.rels"
    if name not in sizes:
        raise Damaged("no links")
    links: dict[str, dict[str, str]] = {}
    for link in _Links(archive, name).found:
        target = link.get("Target", "")
        inside = target[1:] if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
        if link.get("Id", "") in links:
            raise Damaged("two links of one id")
        if link.get("Type", "").endswith("/styles") and (inside != _STYLES or inside not in sizes):
            raise Damaged("no styles where they are looked for: 57.6% would be 0.576")
        links[link.get("Id", "")] = {**link, "Target": inside}
    return links


def _titles(archive: zipfile.ZipFile, book: str) -> dict[str, str]:
    """Return the id of each sheet's link by the sheet's name."""
    titles: dict[str, str] = {}
    for sheet in _Links(archive, book).sheets:
        title = sheet.get("name", "")
        if not is_fit(title) or not 0 < len(title) <= limits.LONGEST_SHEET_NAME:
            raise FileFault("unfit_sheet_name")
        if title.casefold() in map(str.casefold, titles):
            raise Damaged("two sheets of one name")
        titles[title] = next((text for name, text in sheet.items() if name.rpartition(":")[2] == "id"), "")
    return titles


@dataclass
class _Count:
    """Counts up to a limit."""

    most: int
    fault: str
    seen: int = 0

    def add(self, count: int = 1) -> None:
        self.seen += count
        if self.seen > self.most:
            raise FileFault(self.fault, f"{self.most:,}")


class _Part:
    """One XML part, read in pieces. A document type, with which entities begin, is refused as soon as it is met."""

    most_bytes, most_between = limits.MOST_OTHER, limits.LONGEST_TEXT
    text_handler: Callable[[str], None] | None = None
    """Takes in text, where a part has one: a call for every cell."""

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        self._parser = expat.ParserCreate()
        self._parser.CharacterDataHandler = self.text_handler
        self._parser.StartDoctypeDeclHandler = self._refuse_definitions
        self._parser.StartElementHandler = self._begun
        self._since = 0
        refuse_above(archive.getinfo(name).file_size, self.most_bytes)
        with archive.open(name) as part:
            read = 0
            while piece := part.read(_PIECE):
                self._parser.Parse(piece, False)
                read += len(piece)
                self._between(read)
            self._parser.Parse(b"", True)

    def element(self, name: str, attributes: dict[str, str]) -> None:
        """Take in an element by its name without a prefix."""

    def _begun(self, name: str, attributes: dict[str, str]) -> None:
        at = self._parser.CurrentByteIndex
        self._between(at)
        self._since = at
        self.element(name.rpartition(":")[2], attributes)

    def _between(self, at: int) -> None:
        if at - self._since > self.most_between:
            raise FileFault("too_large", f"{self.most_between // 1024:,}KB")

    def _refuse_definitions(self, *_: object) -> None:
        raise FileFault("has_definitions")


class _Other(_Part):
    """Styles, names, links, properties: few elements, with short attributes."""

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        self._elements = _Count(limits.MOST_BESIDE_CELLS, "too_large")
        super().__init__(archive, name)

    def element(self, name: str, attributes: dict[str, str]) -> None:
        self._elements.add()
        if name == "numFmt" and len(attributes.get("formatCode", "")) > limits.LONGEST_NUMBER_FORMAT:
            raise Damaged("a number format longer than there may be")


class _Links(_Other):
    """Content types, links, and the sheets that a book lists."""

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        self.found: list[dict[str, str]] = []
        self.sheets: list[dict[str, str]] = []
        super().__init__(archive, name)

    def element(self, name: str, attributes: dict[str, str]) -> None:
        super().element(name, attributes)
        if name in ("Override", "Relationship"):
            self.found.append(attributes)
        elif name == "sheet":
            self.sheets.append(attributes)


class _Strings(_Part):
    """The texts that cells share."""

    most_bytes, most_between = limits.MOST_STRING_BYTES, limits.MOST_ROW_BYTES

    def __init__(self, archive: zipfile.ZipFile, name: str, most: int) -> None:
        self._texts = _Count(most, "too_large")
        self._elements = _Count(10 * most, "too_large")
        super().__init__(archive, name)

    def element(self, name: str, attributes: dict[str, str]) -> None:
        self._elements.add()
        if name == "si":
            self._texts.add()


class _Sheet(_Part):
    """One sheet. Rows and cells must come in order: of two values for one cell, a person and a program might see different
    ones."""

    most_bytes, most_between = limits.OF_RECORDS.unpacked, limits.MOST_ROW_BYTES

    def __init__(self, archive: zipfile.ZipFile, name: str, cells: _Count) -> None:
        self.parts = SheetParts()
        self._allowed = self._allowed_here = ""
        self.text_handler = self._text
        self._cells = cells
        self._row = self._column = 0
        self._beside = self._merged = 0
        super().__init__(archive, name)

    def _begun(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        self._allowed_here = ""
        if local == "c":
            kind = attributes.get("t", "n")
            if kind not in _KINDS:
                raise Damaged("a cell of no kind")
            self._allowed = _KINDS[kind]
            self._cell(attributes.get("r"))
        elif local == "v":
            self._allowed_here = self._allowed
        elif local == "row":
            self._between(self._parser.CurrentByteIndex)
            self._since = self._parser.CurrentByteIndex
            self._begin_row(attributes)
        else:
            self._beside += 1
            if self._beside > limits.MOST_IN_A_ROW:
                raise FileFault("too_many_cells", f"{self._cells.most:,}")
            if local == "f" and self._column:
                self.parts.add_formula(self._row, self._column)
            elif local == "mergeCell":
                self._merge(attributes.get("ref", ""))
            elif local == "extLst":
                self._column = 0  # formulas of what follows belong to no cell

    def _text(self, text: str) -> None:
        """Refuse a number that is none: Python would read 1_000, too."""
        if self._allowed_here and text.strip(self._allowed_here):
            raise Damaged("a value that its kind cannot have")

    def _begin_row(self, attributes: dict[str, str]) -> None:
        number = attributes.get("r", str(self._row + 1))
        if not (number.isascii() and number.isdigit() and self._row < int(number) <= limits.MOST_ROWS):
            raise Damaged("rows out of order")
        self._cells.add()
        self._row, self._column, self._beside = int(number), 0, 0
        if attributes.get("hidden") in ("1", "true"):
            self.parts.hidden_rows.add(self._row)

    def _cell(self, place: str | None) -> None:
        column = self._column + 1
        if place is not None:
            match = _CELL.fullmatch(place)
            column = _column_number(match[1]) if match and int(match[2]) == self._row else 0
        if not self._row or not self._column < column <= limits.MOST_COLUMNS:
            raise Damaged("cells out of order")
        self._cells.add(column - self._column)
        self._column = column

    def _merge(self, place: str) -> None:
        match = _RANGE.fullmatch(place)
        if match is None:
            raise Damaged("a range that is none")
        top, left = int(match[2]), _column_number(match[1])
        bottom, right = (int(match[4]), _column_number(match[3])) if match[3] else (top, left)
        if not (0 < top <= bottom <= limits.MOST_ROWS and left <= right <= limits.MOST_COLUMNS):
            raise Damaged("a range outside of the sheet")
        self._merged += (bottom - top + 1) * (right - left + 1)
        if self._merged > limits.MOST_MERGED:
            raise FileFault("too_many_cells", f"{limits.MOST_MERGED:,}")
        self.parts.merged.append((top, left, bottom, right))


@lru_cache(maxsize=limits.MOST_COLUMNS)
def _column_number(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _weigh_other(archive: zipfile.ZipFile, name: str) -> None:
    """Weigh a part that is neither sheet nor strings, where it may be XML. One that is badly formed has no more to be weighed:
    whoever parses it stops at the same place."""
    with archive.open(name) as part:
        start = part.read(4)
    if b"<" not in start and not start.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")) and start.strip():
        return
    try:
        _Other(archive, name)
    except expat.ExpatError:
        return
