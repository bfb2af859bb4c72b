"""The table layout: find the header among title rows, then one record per row.

What lives here: one or two header rows, a unit line, column order, hidden and repeated rows. What does not: the
meaning of a cell (``rules``). A file is refused when a required column is missing or a column occurs twice.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kenpo_pipelines.submissions.cells import cell_text
from kenpo_pipelines.submissions.columns import Column
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.faults import FileFault
from kenpo_pipelines.submissions.grids import Grid, GridRow
from kenpo_pipelines.submissions.records import Extract, Record
from kenpo_pipelines.submissions.texts import squeeze
from kenpo_pipelines.submissions.units import known_unit

_SEARCHED_ROWS = 30
_IN_BRACKETS = re.compile(r"(?P<name>.+?)\((?P<inner>[^()]*)\)")
_HARMLESS = frozenset({"必須", "任意"})
_UNIT_WORD = re.compile(r"\(?(?:単位[:：]?)?(?P<unit>[^()]*?)\)?")
_NOTE = re.compile(r"[※＊*]|[（(]?注")


@dataclass(frozen=True, slots=True)
class Header:
    """A found header: ``last_index`` is the position of its last row in the grid, ``columns`` maps names to
    positions."""

    last_index: int
    columns: dict[str, int]
    texts: dict[str, str]
    units: dict[str, str]
    cells: tuple[str, ...]


def find_header(grid: Grid, contract: Contract) -> Header:
    """Return the first row, or pair of rows, that holds every required column.

    Raises :class:`FileFault`: ``wrong_columns`` (names those that the best candidate lacks) or ``duplicate_columns``.
    """
    required = [column for column in contract.columns if column.required]
    best = required
    for height in (1, 2):
        for index in range(min(len(grid.rows) - height + 1, _SEARCHED_ROWS)):
            header = _header_at(grid.rows[index : index + height], index + height - 1, contract)
            missing = [column for column in required if column.name not in header.columns]
            if not missing:
                return _with_second_row(header, grid, index, contract) if height == 1 else header
            if len(missing) < len(best):
                best = missing
    raise FileFault("wrong_columns", "、".join(column.header for column in best))


def read_table(grid: Grid, contract: Contract) -> Extract:
    """Return the grid's records; raise :class:`FileFault` as :func:`find_header` does, or ``duplicate_columns``."""
    header = find_header(grid, contract)
    refuse_duplicates(header, contract)
    body = grid.rows[header.last_index + 1 :]
    units = dict(header.units)
    stated = title_unit(grid.rows[: header.last_index])
    if body and (line := unit_line(body[0], header)):
        units.update(line)
        body = body[1:]
    notices = list(_notices(grid, body, header))
    records = tuple(
        _record(row, header, grid.sheet, {name: units.get(name, stated) for name in header.columns})
        for row in body
        if not is_note(row) and not repeats_header(row, header)
    )
    return Extract(records, tuple(notices))


def _with_second_row(header: Header, grid: Grid, index: int, contract: Contract) -> Header:
    """Take the next row into the header where that names more columns: 実績 above 分子, 分母, 実績値 is no column
    itself."""
    pair = _header_at(grid.rows[index : index + 2], index + 1, contract)
    names_required = all(column.name in pair.columns for column in contract.columns if column.required)
    return pair if names_required and len(pair.columns) > len(header.columns) else header


def _header_at(rows: Sequence[GridRow], last_index: int, contract: Contract) -> Header:
    width = max(len(row.cells) for row in rows)
    candidates = [_header_texts(rows, position) for position in range(width)]
    columns: dict[str, int] = {}
    texts: dict[str, str] = {}
    units: dict[str, str] = {}
    for position, spellings in enumerate(candidates):
        for text in spellings:
            found = _match(text, contract)
            if found is not None:
                column, unit = found
                if column.name not in columns:
                    columns[column.name] = position
                    texts[column.name] = text
                    if unit:
                        units[column.name] = unit
                break
    return Header(last_index, columns, texts, units, tuple(squeeze(text[0]) if text else "" for text in candidates))


def _header_texts(rows: Sequence[GridRow], position: int) -> list[str]:
    """Return what a column's header may read: its own text, then (two rows) the group above it and its own together."""
    own = next((text for row in reversed(rows) if (text := cell_text(row[position]))), "")
    if len(rows) == 1 or not own:
        return [own] if own else []
    above = next((text for at in range(position, -1, -1) if (text := cell_text(rows[0][at]))), "")
    return [own, above + own]


def _match(text: str, contract: Contract) -> tuple[Column, str] | None:
    """Return the column that the header names, and the unit in its brackets: 実績値（％）."""
    wanted, unit = squeeze(text), ""
    column = _column(wanted, contract)
    bracketed = _IN_BRACKETS.fullmatch(wanted)
    if column is None and bracketed is not None:
        unit = known_unit(bracketed["inner"]) or ""
        if unit or bracketed["inner"] in _HARMLESS:
            column = _column(bracketed["name"], contract)
    return None if column is None else (column, unit)


def _column(wanted: str, contract: Contract) -> Column | None:
    return next((column for column in contract.columns if wanted in column.spellings), None)


def refuse_duplicates(header: Header, contract: Contract) -> None:
    """Raise :class:`FileFault` ``duplicate_columns`` when two columns of the file name the same column of the contract."""
    found = (_match(text, contract) for text in header.cells if text)
    counts = Counter(match[0].header for match in found if match is not None)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise FileFault("duplicate_columns", "、".join(twice))


def unit_line(row: GridRow, header: Header) -> dict[str, str]:
    """Return units by column when the row holds nothing but units; else nothing."""
    units: dict[str, str] = {}
    names = {position: name for name, position in header.columns.items()}
    for position, cell in enumerate(row.cells):
        text = cell_text(cell)
        if not text:
            continue
        unit = _unit_in(text)
        if unit is None:
            return {}
        if position in names:
            units[names[position]] = unit
    return units


def title_unit(titles: Sequence[GridRow]) -> str:
    """Return the one unit that the rows above the header state (単位：千円), else ''."""
    stated = {
        unit for row in titles for cell in row.cells if "単位" in (text := cell_text(cell)) and (unit := _unit_in(text))
    }
    return stated.pop() if len(stated) == 1 else ""


def _unit_in(text: str) -> str | None:
    match = _UNIT_WORD.fullmatch(squeeze(text))
    return known_unit(match["unit"]) if match else None


def _record(row: GridRow, header: Header, sheet: str, units: dict[str, str]) -> Record:
    width = len(header.cells)
    extra = any(not cell.is_blank for cell in row.cells[width:])
    return Record(
        sheet=sheet,
        row_number=row.number,
        cells={name: row[position] for name, position in header.columns.items()},
        headers=header.texts,
        units=units,
        is_ragged=extra or (not sheet and len(row.cells) < width),
    )


def is_note(row: GridRow) -> bool:
    """True for a line below the table that holds only a note (※５月実施分まで)."""
    filled = [text for cell in row.cells if (text := cell_text(cell))]
    return len(filled) == 1 and _NOTE.match(filled[0]) is not None


def repeats_header(row: GridRow, header: Header) -> bool:
    """True for a row that repeats the header in the middle of the table."""
    return tuple(squeeze(cell_text(row[position])) for position in range(len(header.cells))) == header.cells


def _notices(grid: Grid, body: Sequence[GridRow], header: Header) -> Iterator[str]:
    where = f"シート「{grid.sheet}」の" if grid.sheet else ""
    if grid.is_hidden:
        yield f"{where.removesuffix('の')}は非表示ですが、読み込みました。"
    if hidden := [row.number for row in body if row.is_hidden]:
        yield f"{where}非表示の行（{row_numbers(hidden)}行目）も読み込みました。"
    if notes := [row.number for row in body if is_note(row)]:
        yield f"{where}注記の行（{row_numbers(notes)}行目）は読み飛ばしました。"
    if repeated := [row.number for row in body if repeats_header(row, header)]:
        yield f"{where}途中の見出し行（{row_numbers(repeated)}行目）は読み飛ばしました。"
    used = set(header.columns.values())
    unused = [position for position, text in enumerate(header.cells) if text and position not in used]
    if unused:
        yield f"{where}左から{row_numbers([position + 1 for position in unused])}番目の列は使いません。"


def row_numbers(numbers: Sequence[int], most: int = 10) -> str:
    """Return numbers as one lists them: 3、5、8, at most ten and how many more there are."""
    listed = "、".join(str(number) for number in numbers[:most])
    return listed if len(numbers) <= most else f"{listed} ほか{len(numbers) - most}"
