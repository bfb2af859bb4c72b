"""The last sheet of every workbook, 出典・来歴: from which inputs, by which run and when the figures were made.

What lives here: the layout of that sheet. What does not: the facts (``provenance``).
"""

import datetime as dt
from decimal import Decimal

from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from kenpo_pipelines import fiscal
from kenpo_pipelines.scorecards import cells, page, sheet_head, style
from kenpo_pipelines.scorecards.provenance import (
    ORIGIN_LABELS,
    STATUS_LABELS,
    Provenance,
    SubmissionSource,
    time_label,
)

SHEET_NAME = "出典・来歴"
_WIDTHS: list[float] = [20, 12, 38, 12, 12, 9, 9, 9, 27, 60]
_MOST_LINES = 150
"""Lines of input files; the ledger of the serving database has every file."""
_HEADS = ["データ", "報告月", "ファイル", "種類", "受付", "読込行", "取込行", "不採用行", "受領日時", "SHA-256"]


def add_provenance_sheet(workbook: Workbook, provenance: Provenance) -> None:
    """Append the sheet: facts of the run above, one line per input file below."""
    sheet: Worksheet = workbook.create_sheet(SHEET_NAME)
    cells.set_widths(sheet, _WIDTHS)
    sheet_head.write_head(sheet, SHEET_NAME, provenance, len(_WIDTHS))
    row = 4
    for label, text in _facts(provenance):
        sheet.row_dimensions[row].height = cells.row_height(1)
        _write(sheet, row, 1, label, bold=True)
        _write(sheet, row, 2, text, wrap=False)
        row += 1
    row += 1
    sheet_head.write_column_heads(sheet, row, _HEADS, cells.row_height(1) + 4)
    head_row = row
    listed = provenance.listed_submissions(_MOST_LINES)
    for source in listed:
        row += 1
        _write_source(sheet, row, source)
    if hidden := len(provenance.submissions) - sum(one.files for one in listed):
        text = f"ほか{hidden:,}件のファイル（新しい報告月から表示。全件は submission_ledger にあります）。"
        _write(sheet, row + 1, 1, text, wrap=False)
    if not provenance.submissions:
        _write(sheet, row + 1, 1, "入力ファイルの記録はありません。", wrap=False)
    page.set_up(sheet, SHEET_NAME, provenance)
    page.fit_to_width(sheet)
    sheet.print_title_rows = f"{head_row}:{head_row}"
    sheet.freeze_panes = "A3"


def _facts(provenance: Provenance) -> list[tuple[str, str]]:
    return [
        ("データの種類", provenance.data_label),
        ("時点", f"{fiscal.month_label(provenance.as_of)}（{provenance.as_of}）"),
        ("公表月", f"{fiscal.month_label(provenance.publish_month)}（{provenance.publish_month}）報告分まで"),
        ("実行ID", provenance.run_id),
        ("作成日時", provenance.written_at_label),
        ("プログラムの版", provenance.code_version),
        ("入力ファイル", f"{len(provenance.submissions)}件"),
    ]


def _write_source(sheet: Worksheet, row: int, source: SubmissionSource) -> None:
    texts = {
        1: source.dataset,
        2: source.known_month,
        3: source.file,
        4: ORIGIN_LABELS[source.origin],
        5: STATUS_LABELS[source.status],
        9: _received(source.received_at),
        10: source.file_sha256,
    }
    for column, text in texts.items():
        _write(sheet, row, column, text)
    for column, count in ((6, source.rows_read), (7, source.rows_loaded), (8, source.rows_rejected)):
        cell = cells.at(sheet, row, column)
        cells.put_number(cell, Decimal(count), '#,##0"行"')
        cell.font, cell.alignment, cell.border = style.font(9), style.RIGHT, style.ROW_RULE
    lines = max(cells.line_count(text, _WIDTHS[column - 1], 9) for column, text in texts.items())
    sheet.row_dimensions[row].height = cells.row_height(lines, 9)


def _write(sheet: Worksheet, row: int, column: int, text: str, *, bold: bool = False, wrap: bool = True) -> None:
    cell = cells.at(sheet, row, column)
    cells.put_text(cell, text)
    cell.font = style.font(8.5 if wrap and not bold else 10, bold=bold)
    cell.alignment = style.LEFT if wrap else style.PLAIN_LEFT
    if wrap and not bold:
        cell.border = style.ROW_RULE


def _received(text: str) -> str:
    """The time of receipt in Tokyo; a text that is no such time is shown as it is."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return text
    return time_label(moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC))
