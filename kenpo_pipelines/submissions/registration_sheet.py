"""The registration sheet (支部設定KPI登録シート): one row per branch, one column per KPI, the fiscal year in the title.

What lives here: turning the sheet into records of the same shape as a table's. What does not: the KPIs' headers,
which the contract lists, and reading the values (``rules``). Source: kpi_registration_sheet_fy2025.xlsx.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kenpo_pipelines.submissions.calendar_cells import fiscal_year_in
from kenpo_pipelines.submissions.cells import cell_text, find_choice
from kenpo_pipelines.submissions.columns import ColumnType
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.faults import FileFault
from kenpo_pipelines.submissions.grids import BLANK, Cell, Grid, GridRow
from kenpo_pipelines.submissions.layouts import RegistrationSheetLayout, SheetKpi
from kenpo_pipelines.submissions.records import Extract, Record
from kenpo_pipelines.submissions.texts import squeeze

_SEARCHED_ROWS = 15
_SUB_HEADERS = ("コード", "支部コード", "支部名", "名称")
_BRANCH, _TITLE = "支部", "表題"
"""What faults call the columns of the branch, and the title, which tells the fiscal year."""


@dataclass(frozen=True, slots=True)
class _Sheet:
    """Where things are: branch columns (code, and mostly name), KPI columns, first data row (position in the grid)."""

    title: str
    fiscal_year: int
    branch_columns: tuple[int, ...]
    kpis: dict[int, tuple[SheetKpi, str]]
    first_data: int


@dataclass(frozen=True, slots=True)
class SheetPlaces:
    """Where a person finds what faults name: positions of columns by header, the position in the grid of the last row above the
    data, and row and column of the title (positions, too)."""

    columns: Mapping[str, tuple[int, ...]]
    last_head: int
    title: tuple[int, int]


def places_of_sheet(grid: Grid, layout: RegistrationSheetLayout) -> SheetPlaces:
    """Return where things are in the sheet; raise :class:`FileFault` as :func:`read_registration_sheet` does."""
    sheet = _locate(grid, layout)
    wanted = squeeze(layout.title)
    title = next(
        (index, column)
        for index, row in enumerate(grid.rows[:_SEARCHED_ROWS])
        for column, cell in enumerate(row.cells)
        if wanted in squeeze(cell_text(cell))
    )
    columns = {header: (position,) for position, (_, header) in sheet.kpis.items()}
    return SheetPlaces({**columns, _BRANCH: sheet.branch_columns}, sheet.first_data - 1, title)


def is_registration_sheet(grid: Grid, layout: RegistrationSheetLayout) -> bool:
    """True when one of the first rows carries the sheet's title."""
    return _title(grid, layout) is not None


def read_registration_sheet(grid: Grid, contract: Contract, layout: RegistrationSheetLayout) -> Extract:
    """Return one record per branch row and KPI column, in the columns of the contract.

    Raises :class:`FileFault`: ``title_without_year``, ``wrong_columns`` (no 支部 header) or
    ``unknown_sheet_column``: a column whose KPI is not recognised would otherwise be lost silently.
    """
    sheet = _locate(grid, layout)
    records = [
        _record(row, position, sheet, contract, grid.sheet)
        for row in grid.rows[sheet.first_data :]
        if any(not row[column].is_blank for column in sheet.branch_columns)
        for position in sheet.kpis
    ]
    hidden = "、".join(str(row.number) for row in grid.rows[sheet.first_data :] if row.is_hidden)
    notices = (f"シート「{grid.sheet}」の非表示の行（{hidden}行目）も読み込みました。",) if hidden else ()
    return Extract(tuple(records), notices)


def _title(grid: Grid, layout: RegistrationSheetLayout) -> str | None:
    wanted = squeeze(layout.title)
    texts = (cell_text(cell) for row in grid.rows[:_SEARCHED_ROWS] for cell in row.cells)
    return next((text for text in texts if wanted in squeeze(text)), None)


def _locate(grid: Grid, layout: RegistrationSheetLayout) -> _Sheet:
    title = _title(grid, layout) or ""
    fiscal_year = fiscal_year_in(title)
    if fiscal_year is None:
        raise FileFault("title_without_year")
    wanted = squeeze(layout.branch_header)
    for index, row in enumerate(grid.rows[:_SEARCHED_ROWS]):
        for column, cell in enumerate(row.cells):
            if squeeze(cell_text(cell)) == wanted:
                columns = _branch_columns(row, column)
                first_data = _first_data(grid.rows, index, columns, wanted)
                kpis = _kpis(grid.rows[index:first_data], columns[-1] + 1, layout)
                return _Sheet(title, fiscal_year, columns, kpis, first_data)
    raise FileFault("wrong_columns", layout.branch_header)


def _branch_columns(header_row: GridRow, column: int) -> tuple[int, ...]:
    """Return the positions of the branch's code and name; 支部 is merged over both, so nothing stands above the
    name."""
    return (column, column + 1) if header_row[column + 1].is_blank else (column,)


def _first_data(rows: Sequence[GridRow], header: int, columns: Sequence[int], branch_header: str) -> int:
    """Return the position of the first row below the header rows: the first that says something about its branch."""
    below = {"", branch_header, *_SUB_HEADERS}
    for index in range(header + 1, len(rows)):
        if any(squeeze(cell_text(rows[index][column])) not in below for column in columns):
            return index
    return len(rows)


def _kpis(
    header_rows: Sequence[GridRow], start: int, layout: RegistrationSheetLayout
) -> dict[int, tuple[SheetKpi, str]]:
    kpis: dict[int, tuple[SheetKpi, str]] = {}
    for position in range(start, max(len(row.cells) for row in header_rows)):
        header = next((text for row in reversed(header_rows) if (text := cell_text(row[position]))), "")
        if not header:
            continue
        matches = [kpi for kpi in layout.kpis if kpi.matches(header)]
        if len(matches) != 1:
            raise FileFault("unknown_sheet_column", f"左から{position + 1}番目の列")
        kpis[position] = (matches[0], header)
    twice = {
        kpi.kpi_id for kpi, _ in kpis.values() if sum(other.kpi_id == kpi.kpi_id for other, _ in kpis.values()) > 1
    }
    if twice:
        raise FileFault("duplicate_columns", "、".join(sorted(twice)))
    if not kpis:
        raise FileFault("wrong_columns", "KPI")
    return kpis


def _record(row: GridRow, position: int, sheet: _Sheet, contract: Contract, sheet_name: str) -> Record:
    """Lay one cell out as a row of the table form: a comparison written in the cell replaces the column's own."""
    kpi, header = sheet.kpis[position]
    names = {column.type: column.name for column in contract.columns}
    comparators = contract.column_by_name[names[ColumnType.COMPARATOR]].values
    cell = row[position]
    stated = None if cell.is_blank else find_choice(cell_text(cell), comparators)
    cells = {
        names[ColumnType.FISCAL_YEAR]: Cell(sheet.fiscal_year),
        names[ColumnType.BRANCH_CODE]: row[sheet.branch_columns[0]],
        names[ColumnType.KPI]: Cell(kpi.kpi_id),
        names[ColumnType.COMPARATOR]: Cell(stated or kpi.comparator),
        names[ColumnType.TARGET_VALUE]: cell if stated is None else BLANK,
    }
    headers = dict.fromkeys(cells, header) | {
        names[ColumnType.BRANCH_CODE]: _BRANCH,
        names[ColumnType.FISCAL_YEAR]: _TITLE,
    }
    if ColumnType.BRANCH_NAME in names and len(sheet.branch_columns) == 2:
        cells[names[ColumnType.BRANCH_NAME]] = row[sheet.branch_columns[1]]
        headers[names[ColumnType.BRANCH_NAME]] = _BRANCH
    for text_name, text in (("printed", cell_text(cell)), ("source_document", sheet.title)):
        if text_name in contract.column_by_name:
            cells[text_name] = Cell(text)
    return Record(sheet_name, row.number, cells, headers, {})
