"""The sheet 遡及訂正: published values of the fiscal years shown that were changed later, newest first.

What lives here: the layout of that sheet. What does not: the words (``restatement_words``), what counts (``serving``).
"""

from collections.abc import Sequence

from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from kenpo_pipelines import fiscal
from kenpo_pipelines.scorecards import cells, page, restatement_words, sheet_head, style
from kenpo_pipelines.scorecards.provenance import Provenance, time_label
from kenpo_pipelines.serving.restatement_queries import Restatement

SHEET_NAME = "遡及訂正"
_HEADS = ["訂正日時", "時点", "年度", "支部", "KPI指標", "項目", "公表値", "訂正後", "原因", "前の公表", "実行ID"]
_WIDTHS: list[float] = [20, 13, 11, 12, 36, 11, 20, 20, 48, 20, 40]
_EXPLAINED = (
    "公表した値・目標・判定を、同じ時点の帳票であとから改めたものです。新しい訂正から順に示します。"
    "訂正前の帳票の値は「公表値」です。"
)
_MOST_LINES = 1000
"""Lines on the sheet; ``kenpo kpi --history`` has all."""


def add_restatement_sheet(
    workbook: Workbook, restatements: Sequence[Restatement], fiscal_years: Sequence[int], provenance: Provenance
) -> None:
    """Append the sheet. ``restatements`` come newest first; those of other fiscal years than the ones shown are left out."""
    sheet: Worksheet = workbook.create_sheet(SHEET_NAME)
    cells.set_widths(sheet, _WIDTHS)
    sheet_head.write_head(sheet, SHEET_NAME, provenance, len(_WIDTHS))
    shown = [one for one in restatements if one.fiscal_year in fiscal_years]
    _write(sheet, 3, 1, _EXPLAINED if shown else restatement_words.NO_RESTATEMENTS, is_table=False)
    page.set_up(sheet, SHEET_NAME, provenance)
    page.fit_to_width(sheet)
    sheet.freeze_panes = "A5"
    if not shown:
        return
    head_row = row = 4
    sheet_head.write_column_heads(sheet, row, _HEADS, cells.row_height(1) + 4)
    sheet.print_title_rows = f"{head_row}:{head_row}"
    for one in shown[:_MOST_LINES]:
        row += 1
        _write_line(sheet, row, one)
    if len(shown) > _MOST_LINES:
        hidden = f"ほか{len(shown) - _MOST_LINES:,}件（全件は kenpo kpi --history で見られます）。"
        _write(sheet, row + 1, 1, hidden, is_table=False)


def _write_line(sheet: Worksheet, row: int, one: Restatement) -> None:
    parts = restatement_words.parts(one)
    texts = [
        time_label(one.restated_at),
        fiscal.month_label(one.as_of),
        fiscal.wareki(one.fiscal_year),
        one.branch,
        one.kpi,
        "\n".join(part.label for part in parts),
        "\n".join(part.old for part in parts),
        "\n".join(part.new for part in parts),
        "\n".join(restatement_words.cause_lines(one)),
        time_label(one.old_published_at),
        one.new_run_id,
    ]
    for column, text in enumerate(texts, start=1):
        _write(sheet, row, column, text)
    lines = max(cells.line_count(text, width, 9) for text, width in zip(texts, _WIDTHS, strict=True))
    sheet.row_dimensions[row].height = cells.row_height(lines, 9)


def _write(sheet: Worksheet, row: int, column: int, text: str, *, is_table: bool = True) -> None:
    cell = cells.at(sheet, row, column)
    cells.put_text(cell, text)
    cell.font = style.font(9)
    cell.alignment = style.LEFT if is_table else style.PLAIN_LEFT
    if is_table:
        cell.border = style.ROW_RULE
