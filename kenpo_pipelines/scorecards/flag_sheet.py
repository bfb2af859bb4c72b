"""The sheet 旗一覧 of the comparison: every flag of every branch in words, one line each.

What lives here: the layout of the list. What does not: the words of a flag (``mart_scorecard``), the flags of one branch, which
stand below its own table (``branch_workbook``).
"""

from collections.abc import Sequence

from openpyxl import Workbook

from kenpo_pipelines.scorecards import cells, figure_cells, page, sheet_head, style, view
from kenpo_pipelines.scorecards.provenance import Provenance

SHEET_NAME = "旗一覧"
_HEADS = ("年度", "KPI指標", "支部", "実績", "旗")
_WIDTHS: list[float] = [14, 41, 14, 14, 95]
_RESULT, _HEAD_ROW = 4, 4


def add_flag_sheet(workbook: Workbook, years: Sequence[view.YearView], provenance: Provenance) -> None:
    """Add the sheet, by fiscal year, KPI and branch; nothing where no figure has a flag."""
    flagged = [
        (year, row, line)
        for year in years
        for row in sorted(year.rows, key=lambda row: (row.kpi_order, row.kpi_id, row.branch_code))
        for line in view.flags(row)
    ]
    if not flagged:
        return
    sheet = workbook.create_sheet(SHEET_NAME)
    cells.set_widths(sheet, _WIDTHS)
    title = f"支部比較　{SHEET_NAME}"
    sheet_head.write_head(sheet, title, provenance, len(_WIDTHS))
    sheet_head.write_column_heads(sheet, _HEAD_ROW, list(_HEADS), 22)
    for row_number, (year, row, line) in enumerate(flagged, start=_HEAD_ROW + 1):
        texts = (year.sheet_name, row.kpi, row.branch, "", line)
        for column, text in enumerate(texts, start=1):
            cell = cells.at(sheet, row_number, column)
            if column == _RESULT:
                figure_cells.write_result(cell, row)
            else:
                cells.put_text(cell, text)
                cell.font, cell.alignment = style.font(9), style.LEFT
            cell.border = style.ROW_RULE
        lines = max(cells.line_count(text, width, 9) for text, width in zip(texts, _WIDTHS, strict=True))
        sheet.row_dimensions[row_number].height = cells.row_height(lines, 9)
    sheet.freeze_panes = cells.at(sheet, _HEAD_ROW + 1, 1).coordinate
    sheet.print_title_rows = f"1:{_HEAD_ROW}"
    page.set_up(sheet, title, provenance)
    page.fit_to_width(sheet)
