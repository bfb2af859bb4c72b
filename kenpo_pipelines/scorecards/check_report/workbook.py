"""The check report as a workbook: a first sheet with the list, then the sender's sheets with values in the same places.

What lives here: its layout. What does not: the words (``words``). The workbook is built anew from values: no formula, macro,
link or picture of the sender's comes into it, and text stays text whatever it begins with.
"""

import re
from collections.abc import Sequence

from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Border, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.hyperlink import Hyperlink
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from kenpo_pipelines.scorecards import cells, style
from kenpo_pipelines.scorecards.check_report import words
from kenpo_pipelines.scorecards.check_report.report import CheckReport, Kind, Mark, ReportCell, ReportRow, ReportSheet
from kenpo_pipelines.scorecards.files import workbook_bytes
from kenpo_pipelines.scorecards.provenance import Provenance
from kenpo_pipelines.scorecards.sheet_head import CREATOR, new_workbook, write_column_heads, write_head

LAST_ROW = 1_048_576
"""Of a sheet; rows of a CSV file beyond it are listed, not copied."""

_BEYOND = f"{LAST_ROW:,}行目より下の行は、Excelのシートに入らないため、一覧だけに示します。"
_FILE_SHEET = "提出ファイル"
_NOTE_HEAD = "確認結果（この列は元のファイルにありません）"
_NOT_IN_TITLES = re.compile(r"[\\/*?:\[\]]")
_LONGEST_TITLE = 31
_BAD_LINE, _TOLD_LINE = Side("medium", color=style.OUTCOME_INK["not_attained"]), Side("dashed", color="1B4B72")
_BAD_BORDER = Border(left=_BAD_LINE, right=_BAD_LINE, top=_BAD_LINE, bottom=_BAD_LINE)
_TOLD_BORDER = Border(left=_TOLD_LINE, right=_TOLD_LINE, top=_TOLD_LINE, bottom=_TOLD_LINE)
_GRID_LINE = Side("hair", color=style.RULE)
_GRID = Border(left=_GRID_LINE, right=_GRID_LINE, top=_GRID_LINE, bottom=_GRID_LINE)
_CELL = Alignment(vertical="center", wrap_text=True)
_WIDTHS = [8, 26, 30, 20, 32, 56]
_HEADS = ["番号", "場所", "列", "入力値", "見つかったこと", "直し方"]
_NOTE_WIDTH, _WIDEST, _NARROWEST = 56.0, 24.0, 8.0


def check_workbook(report: CheckReport, provenance: Provenance) -> bytes:
    """Return the workbook; the same report and provenance make the same bytes."""
    book = new_workbook(f"{words.TITLE}：{report.file}")
    first = book.create_sheet(words.SHEET_TITLE)
    titles = _titles(report.sheets)
    for sheet, title in zip(report.sheets, titles, strict=True):
        _write_sheet(book.create_sheet(title), sheet)
    by_name = dict(zip((sheet.name for sheet in report.sheets), titles, strict=True))
    _write_first(first, report, provenance, by_name)
    return workbook_bytes(book, provenance.written_at)


def _write_first(sheet: Worksheet, report: CheckReport, provenance: Provenance, titles: dict[str, str]) -> None:
    write_head(sheet, words.TITLE, provenance, len(_WIDTHS))
    cells.set_widths(sheet, list(_WIDTHS))
    sheet.sheet_view.showGridLines = False
    row = _line(sheet, 4, words.result(report), bold=True, size=13)
    for label, text in words.facts(report):
        row = _line(sheet, row, f"{label}：{text}")
    row = _line(sheet, row + 1, "次にすること", bold=True)
    for number, step in enumerate(words.next_steps(report), start=1):
        row = _line(sheet, row, f"{number}. {step}")
    if report.needed_columns:
        row = _line(sheet, row + 1, "必要な列（順番は自由です）", bold=True)
        for header, required in report.needed_columns:
            row = _line(sheet, row, f"{header}{'（必須）' if required else '（任意）'}")
    notes = [words.caution(report)] if report.sheets else []
    if any(one.number > LAST_ROW for told in report.sheets for one in told.rows):
        notes.append(_BEYOND)
    for text in [*notes, *report.notices]:
        row = _line(sheet, row, text)
    if report.marks:
        _write_list(sheet, row + 1, report, titles)
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = sheet.PAPERSIZE_A4
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)


def _write_list(sheet: Worksheet, row: int, report: CheckReport, titles: dict[str, str]) -> None:
    write_column_heads(sheet, row, _HEADS, 22)
    sheet.print_title_rows = f"{row}:{row}"
    for at, mark in enumerate(report.marks, start=row + 1):
        title = titles.get(mark.sheet)
        where = f"シート「{mark.sheet}」{mark.place}" if mark.sheet else mark.place
        texts = [
            _mark_text(mark),
            f"{where}（{mark.row}行目）" if mark.columns else where,
            words.column_words(mark),
            mark.shown or "―",
            mark.what,
            mark.advice,
        ]
        for column, text in enumerate(texts, start=1):
            cell = cells.at(sheet, at, column)
            cells.put_text(cell, text)
            cell.font = style.font(bold=column == 1)
            cell.alignment = style.CENTRE if column == 1 else style.LEFT
            cell.border = style.ROW_RULE
        cells.at(sheet, at, 1).fill = _fill(mark)
        if title is not None and mark.row <= LAST_ROW:
            place = cells.at(sheet, at, 2)
            quoted = title.replace("'", "''")
            target = f"{get_column_letter(mark.columns[0]) if mark.columns else 'A'}{mark.row}"
            place.hyperlink = Hyperlink(ref=place.coordinate, location=f"'{quoted}'!{target}")
            place.font = style.font(colour="0B5CAD")
        lines = max(cells.line_count(text, width - 2) for text, width in zip(texts, _WIDTHS, strict=True))
        sheet.row_dimensions[at].height = cells.row_height(lines)
    if told := words.unlisted(report):
        _line(sheet, row + len(report.marks) + 2, told, bold=True)


def _write_sheet(sheet: Worksheet, told: ReportSheet) -> None:
    note = told.width + 1
    rows = [row for row in told.rows if row.number <= LAST_ROW]
    in_columns = [row for row in rows if not _is_title(row)]
    widths = [
        min(max([cells.column_units(row.cells[at].text) for row in in_columns] + [_NARROWEST]), _WIDEST)
        for at in range(told.width)
    ]
    cells.set_widths(sheet, [*widths, _NOTE_WIDTH])
    for row in rows:
        for column, one in enumerate(row.cells, start=1):
            _write_cell(sheet, row.number, column, one, row)
        lines = [cells.line_count(one.text, width - 1) for one, width in zip(row.cells, widths, strict=True)]
        lines.append(_write_note(sheet, row, note))
        if _is_title(row):
            _let_run_over(sheet, row)
        elif max(lines) > 1:
            sheet.row_dimensions[row.number].height = cells.row_height(max(lines))
    heads = [row.number for row in rows if row.is_head]
    if heads:
        head = cells.at(sheet, heads[-1], note)
        cells.put_text(head, _NOTE_HEAD)
        head.font, head.alignment = style.font(9, bold=True, colour=style.OUTCOME_INK["not_attained"]), style.LEFT
        sheet.print_title_rows = f"{heads[-1]}:{heads[-1]}"
        if heads[-1] < 20:
            sheet.freeze_panes = cells.at(sheet, heads[-1] + 1, 1)
    if any(row.left_out for row in told.rows) or told.left_out_after:
        _hide_what_is_left_out(sheet, rows)
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)


def _write_cell(sheet: Worksheet, row: int, column: int, one: ReportCell, of: ReportRow) -> None:
    cell = cells.at(sheet, row, column)
    cell.border = _GRID
    if of.is_head:
        cell.fill = style.fill(style.GROUP_FILL)
    if not one.text and not one.marks:
        return
    if one.number is None:
        cells.put_text(cell, one.text)
    else:
        cells.put_number(cell, one.number, "0.0###############%" if one.is_percent else "General")
    quiet = one.kind is not Kind.VALUE and not one.marks
    cell.font = style.font(bold=of.is_head, colour=style.QUIET_INK if quiet else style.INK)
    cell.alignment = _CELL
    if one.marks:
        worst = _worst(one.marks)
        cell.fill = _fill(worst)
        cell.border = _BAD_BORDER if worst.must_be_corrected else _TOLD_BORDER
        comment = Comment("\n".join(f"{_mark_text(mark)} {mark.what}。{mark.advice}" for mark in one.marks), CREATOR)
        comment.width, comment.height = 320, 40 + 70 * len(one.marks)
        cell.comment = comment


def _is_title(row: ReportRow) -> bool:
    return row.is_head and sum(bool(one.text) for one in row.cells) == 1 and len(row.cells) > 1


def _let_run_over(sheet: Worksheet, row: ReportRow) -> None:
    """A title stands on one line over the cells to its right, as in the file."""
    for column in range(1, len(row.cells) + 1):
        cell = cells.at(sheet, row.number, column)
        cell.alignment, cell.border = style.PLAIN_LEFT, Border()
        cell.fill = PatternFill()


def _write_note(sheet: Worksheet, row: ReportRow, column: int) -> int:
    """Say beside the row what is wrong in it, for those who print the sheet or cannot tell the colours; return its lines."""
    marks = dict.fromkeys([*row.marks, *(mark for one in row.cells for mark in one.marks)])
    texts = [f"{_mark_text(mark)} {mark.place}：{mark.what}。{mark.advice}" for mark in marks]
    if row.is_hidden:
        texts.insert(0, "（非表示の行）")
    if row.left_out:
        texts.insert(0, f"（{words.left_out_before(row)}）")
    if not texts:
        return 0
    cell = cells.at(sheet, row.number, column)
    cells.put_text(cell, "\n".join(texts))
    cell.font = style.font(9, colour=style.OUTCOME_INK["not_attained"] if marks else style.QUIET_INK)
    cell.alignment = style.LEFT
    if row.marks:
        cell.fill = _fill(_worst(row.marks))
    return sum(cells.line_count(text, _NOTE_WIDTH - 2, 9) for text in texts)


def _hide_what_is_left_out(sheet: Worksheet, rows: Sequence[ReportRow]) -> None:
    """Hide every row but those copied: places stay as they are in the file, and nobody scrolls through nothing."""
    sheet.sheet_format.zeroHeight = True
    sheet.sheet_format.customHeight = True
    for row in rows:
        dimension = sheet.row_dimensions[row.number]
        dimension.height = dimension.height or cells.row_height(1)


def _titles(sheets: Sequence[ReportSheet]) -> list[str]:
    """Return a title for each sheet: its own where a workbook may have it, each another one, whatever the case of letters."""
    used = {words.SHEET_TITLE}
    titles = []
    for sheet in sheets:
        wanted = _NOT_IN_TITLES.sub("_", cells.clean(sheet.name)).strip("'")[:_LONGEST_TITLE] or _FILE_SHEET
        title, number = wanted, 2
        while title.casefold() in used:
            ending = f"({number})"
            title, number = f"{wanted[: _LONGEST_TITLE - len(ending)]}{ending}", number + 1
        used.add(title.casefold())
        titles.append(title)
    return titles


def _line(sheet: Worksheet, row: int, text: str, *, bold: bool = False, size: float = 10) -> int:
    """Write one line over all columns; return the number of the next row."""
    sheet.merge_cells(start_row=row, start_column=1, end_row=row, end_column=len(_WIDTHS))
    cell = cells.at(sheet, row, 1)
    cells.put_text(cell, text)
    cell.font = style.font(size, bold=bold)
    cell.alignment = style.LEFT
    sheet.row_dimensions[row].height = cells.row_height(cells.line_count(text, sum(_WIDTHS) - 4, size), size)
    return row + 1


def _mark_text(mark: Mark) -> str:
    return f"{words.MARK_WORDS[mark.must_be_corrected][0]}{mark.number}"


def _worst(marks: Sequence[Mark]) -> Mark:
    return max(marks, key=lambda mark: mark.must_be_corrected)


def _fill(mark: Mark) -> PatternFill:
    fill = style.OUTCOME_FILL["not_attained" if mark.must_be_corrected else "attained"]
    assert fill is not None
    return style.fill(fill)
