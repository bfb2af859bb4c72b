"""The sheet 推移・見込み of a branch's workbook: each KPI's monthly figures, way to the target and forecast for March.

What lives here: the layout of that table, and which of its cells a chart reads. What does not: the charts (``chart_sheet``),
finding the figures (``insight``), words (``insight_words``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from kenpo_pipelines import fiscal
from kenpo_pipelines.scorecards import cells, insight_words, page, sheet_head, style, view
from kenpo_pipelines.scorecards.insight import KpiInsight
from kenpo_pipelines.scorecards.provenance import Provenance

SHEET_NAME = "推移・見込み"
FIRST_MONTH_COLUMN, LAST_MONTH_COLUMN = 3, 14
HEAD_ROW = 4
_WIDTHS: list[float] = [34, 13, *[8.8] * 12, 38]
_REMARK = 15
_SERIES_NAMES = ("今年度", "前年度", "前々年度")
EXPECTED, TARGET, FORECAST, LOW, HIGH = "目安", "目標", "３月見込み", "見込みの下", "見込みの上"


@dataclass(frozen=True)
class SeriesRows:
    """Where the rows of one KPI's chart lie: ``rows`` by series name, in the order in which they stand."""

    insight: KpiInsight
    rows: Mapping[str, int]


def add_series_sheet(workbook: Workbook, found: Sequence[KpiInsight], provenance: Provenance) -> list[SeriesRows]:
    """Append the sheet and return the rows of each KPI that has at least two figures; nothing where none has."""
    shown = [one for one in sorted(found, key=lambda one: one.row.kpi_order) if one.point_count >= 2]
    if not shown:
        return []
    year = shown[0].row.fiscal_year
    title = f"{shown[0].row.branch}　{fiscal.wareki(year)} {SHEET_NAME}"
    sheet: Worksheet = workbook.create_sheet(SHEET_NAME)
    cells.set_widths(sheet, _WIDTHS)
    sheet_head.write_head(sheet, title, provenance, len(_WIDTHS))
    months = list(fiscal.month_range(fiscal.first_month(year), fiscal.year_end(year)))
    labels = [f"{fiscal.split_month(month)[1]}月" for month in months]
    sheet_head.write_column_heads(sheet, HEAD_ROW, ["KPI指標", "系列", *labels, "３月見込み（80％の幅）"], 22)
    row_number, written = HEAD_ROW, []
    for one in shown:
        placed: dict[str, int] = {}
        for name, values in _series(one, months).items():
            row_number += 1
            placed[name] = row_number
            _write_series(sheet, row_number, one, name, values, is_first=len(placed) == 1)
        written.append(SeriesRows(one, placed))
    row_number = _write_notes(sheet, row_number + 1, insight_words.series_footnotes(shown))
    sheet.freeze_panes = cells.at(sheet, HEAD_ROW + 1, FIRST_MONTH_COLUMN).coordinate
    sheet.print_title_rows = f"1:{HEAD_ROW}"
    sheet.print_area = f"A1:{cells.at(sheet, row_number, len(_WIDTHS)).coordinate}"
    page.set_up(sheet, title, provenance)
    page.fit_to_width(sheet)
    return written


def _series(one: KpiInsight, months: Sequence[str]) -> dict[str, list[Decimal | None]]:
    """The values by series and month of this year; only series that have any."""
    year = one.row.fiscal_year
    found: dict[str, list[Decimal | None]] = {}
    for back, name in enumerate(_SERIES_NAMES):
        of_year = {point.figure_as_of: point.value for point in one.points.get(year - back, ())}
        found[name] = [of_year.get(fiscal.add_months(month, -12 * back)) for month in months]
    if one.row.target is not None:
        found[TARGET] = [one.row.target for _ in months]
    found[EXPECTED] = [one.expected.get(month) for month in months]
    if one.forecast is not None:
        for name, value in ((FORECAST, one.forecast.value), (LOW, one.forecast.low), (HIGH, one.forecast.high)):
            found[name] = [value if month == one.forecast.month else None for month in months]
    return {name: values for name, values in found.items() if any(value is not None for value in values)}


def _write_series(
    sheet: Worksheet, row_number: int, one: KpiInsight, name: str, values: Sequence[Decimal | None], *, is_first: bool
) -> None:
    row = one.row
    sheet.row_dimensions[row_number].height = cells.row_height(1, 9)
    texts = {1: row.kpi if is_first else "", 2: name}
    if is_first:
        texts[_REMARK] = insight_words.outlook_label(one)
        lines = max(cells.line_count(texts[column], _WIDTHS[column - 1]) for column in (1, _REMARK))
        sheet.row_dimensions[row_number].height = cells.row_height(lines)
    for column, text in texts.items():
        cell = cells.at(sheet, row_number, column)
        cells.put_text(cell, text)
        cell.font, cell.alignment = style.font(10 if column == 1 else 9, bold=column == 1), style.LEFT
    number_format = style.number_format(row.precision, row.unit)
    for column, value in enumerate(values, start=FIRST_MONTH_COLUMN):
        if value is not None:
            cell = cells.at(sheet, row_number, column)
            cells.put_number(cell, view.at_precision(value, row.precision), number_format)
            cell.font, cell.alignment = style.font(9), style.PLAIN_RIGHT
    if is_first:
        for column in range(1, len(_WIDTHS) + 1):
            cells.at(sheet, row_number, column).border = style.TOP_RULE


def _write_notes(sheet: Worksheet, row_number: int, notes: Sequence[str]) -> int:
    for note in notes:
        row_number += 1
        cell = cells.at(sheet, row_number, 1)
        cells.put_text(cell, f"・{note}")
        cell.font, cell.alignment = style.font(8.5, colour=style.QUIET_INK), style.PLAIN_LEFT
    return row_number
