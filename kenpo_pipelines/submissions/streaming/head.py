"""The head of a table: where its header stands, which column is which, and at which line its rows begin.

What lives here: ``Head``, made from the first rows of a CSV file or of a sheet. What does not: the search for a header
itself (``tables``).
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.faults import FileFault
from kenpo_pipelines.submissions.grids import Cell, Grid, GridRow, delimiter_of
from kenpo_pipelines.submissions.limits import GIB
from kenpo_pipelines.submissions.streaming.file_bytes import encoding_of, pieces_of
from kenpo_pipelines.submissions.tables import (
    Header,
    find_header,
    refuse_duplicates,
    row_numbers,
    title_unit,
    unit_line,
)
from kenpo_pipelines.submissions.units import is_same_unit

ROWS = 40
"""Rows looked at: more than a header is searched in, with its unit line."""
_BYTES = 1 << 18


@dataclass(frozen=True)
class Head:
    """One table's head. ``positions`` maps the contract's columns to positions in the file, ``headers`` to the headers as
    written there; ``other_units`` names the columns whose unit outside the cells is not the contract's."""

    sheet: str
    header: Header
    last_line: int
    """The last line (of a sheet: row) before the rows."""
    other_units: frozenset[str]

    @property
    def positions(self) -> Mapping[str, int]:
        """Positions of the contract's columns."""
        return self.header.columns

    @property
    def width(self) -> int:
        """Columns of the file, those without a meaning included."""
        return len(self.header.cells)

    def notices(self) -> Iterator[str]:
        """Say which columns are not used."""
        used = set(self.positions.values())
        unused = [at + 1 for at, text in enumerate(self.header.cells) if text and at not in used]
        if unused:
            where = f"シート「{self.sheet}」の" if self.sheet else ""
            yield f"{where}左から{row_numbers(unused)}番目の列は使いません。"


@dataclass(frozen=True)
class CsvHead:
    """The head of a CSV file and how its text is written."""

    table: Head
    encoding: str
    delimiter: str
    newline: str
    has_lone_returns: bool
    """Lines end in CR alone somewhere: such a file is not read by the engine's own parser."""
    most_bytes: int
    """So large the file may be, unpacked."""


def head_of_table(
    rows: Iterable[GridRow], sheet: str, contract: Contract, ends: Mapping[int, int] | None = None
) -> Head:
    """Return the head of a table from its first rows; ``ends`` says in which line a row ends, where that is not its own.

    Raises :class:`FileFault`: ``wrong_columns``, ``duplicate_columns``.
    """
    grid = Grid(sheet, tuple(rows))
    header = find_header(grid, contract)
    refuse_duplicates(header, contract)
    stated = title_unit(grid.rows[: header.last_index])
    units, last = dict(header.units), grid.rows[header.last_index]
    body = grid.rows[header.last_index + 1 :]
    if body and (line := unit_line(body[0], header)):
        units.update(line)
        last = body[0]
    other = frozenset(
        column.name
        for column in contract.columns
        if column.unit and (unit := units.get(column.name, stated)) and not is_same_unit(column.unit, unit)
    )
    return Head(sheet, header, (ends or {}).get(last.number, last.number), other)


def head_of_csv(path: Path, contract: Contract) -> CsvHead:
    """Return the head of a CSV file; reads no more than its beginning.

    Raises :class:`FileFault`: ``empty_file``, ``not_text``, ``truncated``, ``broken_quotes``, ``wrong_columns``,
    ``duplicate_columns``.
    """
    text, encoding = _beginning(path)
    newline = "\r\n" if "\r\n" in text else "\n"
    has_lone_returns = "\r" in text.replace("\r\n", "\n")
    lines = _with_one_newline(text)
    delimiter = delimiter_of(lines)
    rows, ends, broken = _first_rows(lines, delimiter)
    try:
        head = head_of_table(rows, "", contract, ends)
    except FileFault as fault:
        raise (broken if broken and fault.code == "wrong_columns" else fault) from None
    most = contract.dataset.largest_gib * GIB
    return CsvHead(_with_blank_lines(head, lines), encoding, delimiter, newline, has_lone_returns, most)


def first_rows_of_csv(path: Path) -> list[GridRow]:
    """Return the first rows that are not blank.

    Raises :class:`FileFault`: ``empty_file``, ``not_text``, ``truncated``, or ``broken_quotes`` where no row comes before.
    """
    text, _ = _beginning(path)
    lines = _with_one_newline(text)
    rows, _, broken = _first_rows(lines, delimiter_of(lines))
    if broken is not None and not rows:
        raise broken
    return rows


def _with_one_newline(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _beginning(path: Path) -> tuple[str, str]:
    head = b""
    for piece in pieces_of(path, _BYTES):
        head += piece
        if len(head) >= _BYTES:
            break
    if not head.strip(b"\r\n\t \x1a\x00"):
        raise FileFault("empty_file")
    encoding = encoding_of(path, head)
    text = head.decode(encoding, errors="replace")
    if not text.strip("\ufeff\x1a\x00 \t\r\n\u3000"):
        raise FileFault("empty_file")
    if len(head) >= _BYTES:
        return text[: text.rfind("\n") + 1] or text, encoding
    return text.rstrip("\x1a\x00"), encoding


def _first_rows(text: str, delimiter: str) -> tuple[list[GridRow], dict[int, int], FileFault | None]:
    """Return the first rows that are not blank, the line in which each ends, and what stopped the reading, if anything."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[GridRow] = []
    ends: dict[int, int] = {}
    start = 1
    try:
        for cells in reader:
            row = GridRow(start, tuple(Cell(cell) for cell in cells))
            if not row.is_blank:
                rows.append(row)
                ends[start] = reader.line_num
            start = reader.line_num + 1
            if len(rows) >= ROWS:
                break
    except csv.Error:
        return rows, ends, FileFault("broken_quotes", f"{start}行目")
    return rows, ends, None


def _with_blank_lines(head: Head, text: str) -> Head:
    """Count the empty lines behind the header among those that are skipped."""
    lines = text.split("\n")
    last = head.last_line
    while last < len(lines) - 1 and not lines[last].strip():
        last += 1
    return Head(head.sheet, head.header, last, head.other_units)
