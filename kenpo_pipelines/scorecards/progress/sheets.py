"""Parts that the sheets of the progress workbook share: cells of words, marks, group lines, footnotes.

What lives here: looks. What does not: which facts stand where (``workbook`` and the modules of the sheets).
"""

from collections.abc import Sequence
from decimal import Decimal

from openpyxl.cell.cell import Cell
from openpyxl.worksheet.worksheet import Worksheet

from kenpo_pipelines.scorecards import cells, page, sheet_head, style, view
from kenpo_pipelines.scorecards.progress import words
from kenpo_pipelines.scorecards.progress.model import ShownMark
from kenpo_pipelines.scorecards.provenance import Provenance
from kenpo_pipelines.serving.progress_queries import Mark

HEAD_ROW = 4
MARK_INK: dict[Mark, str] = {
    "○": style.OUTCOME_INK["attained"],
    "△": style.OUTCOME_INK["not_attained"],
    "×": style.OUTCOME_INK["not_attained"],
    "―": style.QUIET_INK,
}
MARK_FILL: dict[Mark, str | None] = {
    "○": style.OUTCOME_FILL["attained"],
    "△": "FCE9D6",  # paler than ×: a step between blue and orange, told by its sign and word too
    "×": style.OUTCOME_FILL["not_attained"],
    "―": None,
}
YEN_FORMAT = "#,##0"
PERCENT_FORMAT = '0.0"%"'


def begin(sheet: Worksheet, title: str, caption: str, heads: list[str], widths: list[float], given: Provenance) -> None:
    """Write title, kind of data, caption and column heads; the first body row is ``HEAD_ROW + 1``."""
    cells.set_widths(sheet, widths)
    sheet_head.write_head(sheet, title, given, len(widths))
    cell = cells.at(sheet, HEAD_ROW - 1, 1)
    cells.put_text(cell, caption)
    cell.font, cell.alignment = style.font(10, bold=True), style.PLAIN_LEFT
    sheet.row_dimensions[HEAD_ROW - 1].height = 22
    lines = max(cells.line_count(head, width, 9.5) for head, width in zip(heads, widths, strict=True))
    sheet_head.write_column_heads(sheet, HEAD_ROW, heads, cells.row_height(lines) + 4)


def finish(sheet: Worksheet, name: str, given: Provenance) -> None:
    """Set up the page: A4 landscape, one page wide, heads repeated and frozen."""
    page.set_up(sheet, name, given)
    page.fit_to_width(sheet)
    sheet.print_title_rows = f"{HEAD_ROW}:{HEAD_ROW}"
    sheet.freeze_panes = cells.at(sheet, HEAD_ROW + 1, 2)


def write_group(sheet: Worksheet, row: int, name: str, columns: int) -> None:
    """Write a line that names a group."""
    sheet.row_dimensions[row].height = 20
    for column in range(1, columns + 1):
        cell = cells.at(sheet, row, column)
        cell.fill, cell.border = style.fill(style.GROUP_FILL), style.HEAD_RULE
    cell = cells.at(sheet, row, 1)
    cells.put_text(cell, name)
    cell.font, cell.alignment = style.font(10, bold=True, colour=style.HEAD_FILL), style.PLAIN_LEFT


def write_words(cell: Cell, text: str, *, size: float = 10, is_right: bool = False, is_bold: bool = False) -> None:
    """Write words, ― in a quiet colour."""
    cells.put_text(cell, text)
    cell.font = style.font(size, bold=is_bold, colour=style.QUIET_INK if text == view.NONE_MARK else style.INK)
    cell.alignment = style.RIGHT_WORDS if is_right else style.LEFT
    cell.border = style.ROW_RULE


def write_number(cell: Cell, number: Decimal | None, number_format: str, *, is_bold: bool = False) -> None:
    """Write a number, or ― for none."""
    if number is None:
        write_words(cell, view.NONE_MARK, is_right=True)
        return
    cells.put_number(cell, number, number_format)
    cell.font, cell.alignment, cell.border = style.font(bold=is_bold), style.RIGHT, style.ROW_RULE


def write_mark(cell: Cell, mark: ShownMark) -> None:
    """Write a mark with its word and the number of its footnote, in its colours."""
    note = words.note_label(mark)
    cells.put_text(cell, words.mark_label(mark.mark) + (f"\n{note}" if note else ""))
    cell.font = style.font(9.5, bold=mark.mark == "×", colour=MARK_INK[mark.mark])
    cell.alignment, cell.border = style.CENTRE, style.ROW_RULE
    if colour := MARK_FILL[mark.mark]:
        cell.fill = style.fill(colour)


def write_notes(sheet: Worksheet, row: int, notes: Sequence[str], widths: Sequence[float]) -> int:
    """Write footnotes below the table over the whole width; return the last row used."""
    if not notes:
        return row
    row += 1
    sheet.row_dimensions[row].height = 8
    for note in notes:
        row += 1
        cell = cells.at(sheet, row, 1)
        cells.put_text(cell, note)
        cell.font, cell.alignment = style.font(9, colour=style.QUIET_INK), style.LEFT
        sheet.merge_cells(start_row=row, end_row=row, start_column=1, end_column=len(widths))
        sheet.row_dimensions[row].height = cells.row_height(cells.line_count(note, sum(widths), 9), 9)
    return row


def fit_height(sheet: Worksheet, row: int, texts: Sequence[tuple[str, float, float]]) -> None:
    """Set the row's height for texts with their column width and size."""
    sheet.row_dimensions[row].height = max(
        cells.row_height(cells.line_count(text, width, size), size) for text, width, size in texts
    )
