"""The workbook 新旧対照: targets of two fiscal years side by side.

What lives here: the layout, one sheet per branch after an index. What does not: what became of a target
(``target_comparison``), the words (``target_words``) and the looks (``style``).

A council reads one branch and the nation beside it; head office asks which branches changed what. So 協会全体 and each branch
have a sheet of their own, which is printed and handed out alone (one page, the nation's two), and 目次 before them counts the
changes of every branch and links to its sheet: with 47 branches nobody looks for a sheet among its tabs.
"""

from decimal import Decimal
from pathlib import Path

from openpyxl import Workbook
from openpyxl.cell.cell import Cell
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.hyperlink import Hyperlink
from openpyxl.worksheet.worksheet import Worksheet

from kenpo_pipelines import fiscal
from kenpo_pipelines.scorecards import (
    cells,
    figure_cells,
    files,
    page,
    provenance_sheet,
    sheet_head,
    style,
    target_words,
    view,
)
from kenpo_pipelines.scorecards.provenance import Provenance
from kenpo_pipelines.scorecards.rows import ScorecardError, ScorecardRow
from kenpo_pipelines.scorecards.target_comparison import BranchTargets, Change, TargetComparison, TargetLine

INDEX = "目次"
_WIDTHS: list[float] = [43, 17, 17.5, 17.5, 15, 15.5, 12, 15, 9.5, 48]
_KPI, _CHANGE, _OLD, _NEW, _DIFFERENCE, _RESULT, _OUTCOME, _DISTANCE, _COMPARABLE, _REMARKS = range(1, 11)
_SUMMARY_ROW, _HEAD_ROW = 3, 5
_INDEX_WIDTHS: list[float] = [16, 9, 9, 12, 12, 9, 9, 11, 58]
_INDEX_HEAD_ROW = 4
_SMALLEST_SCALE = 0.6
_NOTE_POINTS = 13.5
_CHANGE_FILL: dict[Change, str] = {Change.NEW: "DCEAF6", Change.CHANGED: "FBE7C6", Change.ENDED: "DDE1E6"}


def write_target_comparison_workbook(path: Path, comparison: TargetComparison, provenance: Provenance) -> Path:
    """Write the workbook atomically and with reproducible bytes; return its path.

    Raises :class:`ScorecardError` when the comparison is of another month than the provenance, or of no branch; OSError when
    the file cannot be written.
    """
    if comparison.as_of != provenance.as_of:
        raise ScorecardError(
            f"{path.name}: targets are as of {comparison.as_of}, the provenance as of {provenance.as_of}"
        )
    if not comparison.branches:
        raise ScorecardError(
            f"{path.name}: no branch has published targets of {comparison.old_year} or {comparison.new_year}"
        )
    workbook = sheet_head.new_workbook(comparison.title)
    names = {branch.branch_code: _sheet_name(branch) for branch in comparison.branches}
    _add_index(workbook, comparison, names, provenance)
    for branch in comparison.branches:
        _Table(workbook.create_sheet(names[branch.branch_code]), branch, comparison, provenance).write()
    provenance_sheet.add_provenance_sheet(workbook, provenance)
    return files.write_atomically(path, files.workbook_bytes(workbook, provenance.written_at))


def _sheet_name(branch: BranchTargets) -> str:
    """13 東京: short enough for many tabs, and without what a sheet's name must not hold."""
    short = "".join(
        char for char in cells.clean(branch.branch.removesuffix("支部")) if char not in r"[]:*?/\'" and char >= " "
    )
    return f"{branch.branch_code} {short}"[:31]


def _add_index(workbook: Workbook, comparison: TargetComparison, names: dict[str, str], provenance: Provenance) -> None:
    sheet: Worksheet = workbook.create_sheet(INDEX)
    cells.set_widths(sheet, _INDEX_WIDTHS)
    sheet_head.write_head(sheet, comparison.title, provenance, len(_INDEX_WIDTHS))
    labels = ["支部", *target_words.INDEX_HEADS, "備考"]
    sheet_head.write_column_heads(sheet, _INDEX_HEAD_ROW, labels, 36)
    row_number = _INDEX_HEAD_ROW
    for branch in comparison.branches:
        row_number += 1
        link = cells.at(sheet, row_number, 1)
        cells.put_text(link, branch.branch)
        _link(link, names[branch.branch_code])
        for column, count in enumerate(target_words.index_counts(branch), start=2):
            cell = cells.at(sheet, row_number, column)
            cells.put_number(cell, count, '0"件"')
            cell.font, cell.alignment = style.font(colour=style.INK if count else style.QUIET_INK), style.RIGHT
        notice = cells.at(sheet, row_number, len(_INDEX_WIDTHS))
        cells.put_text(notice, "\n".join(target_words.notices(branch, comparison)))
        notice.font, notice.alignment = style.font(9), style.LEFT
        for column in range(1, len(_INDEX_WIDTHS) + 1):
            cells.at(sheet, row_number, column).border = style.ROW_RULE
        lines = cells.line_count("\n".join(target_words.notices(branch, comparison)), _INDEX_WIDTHS[-1], 9)
        sheet.row_dimensions[row_number].height = cells.row_height(lines)
    notes = [one for one in (target_words.left_out(comparison), *target_words.footnotes(comparison)) if one]
    _write_notes(sheet, row_number + 1, notes, _INDEX_WIDTHS)
    sheet.freeze_panes = cells.at(sheet, _INDEX_HEAD_ROW + 1, 2).coordinate
    sheet.print_title_rows = f"1:{_INDEX_HEAD_ROW}"
    page.set_up(sheet, comparison.title, provenance)
    page.fit_to_width(sheet)


def _link(cell: Cell, sheet_name: str) -> None:
    """Let the cell lead to the top of a sheet of this workbook."""
    cell.hyperlink = Hyperlink(ref=cell.coordinate, location=f"'{sheet_name}'!A1", tooltip=sheet_name)
    cell.font, cell.alignment = style.font(colour="0B5394"), style.LEFT


def _write_notes(sheet: Worksheet, row_number: int, notes: list[str], widths: list[float]) -> int:
    """Write notes below a table, each across its width; return the last row used."""
    sheet.row_dimensions[row_number].height = 8
    for note in notes:
        row_number += 1
        cell = cells.at(sheet, row_number, 1)
        cells.put_text(cell, f"・{note}")
        cell.font, cell.alignment = style.font(8.5, colour=style.QUIET_INK), style.LEFT
        sheet.merge_cells(start_row=row_number, end_row=row_number, start_column=1, end_column=len(widths))
        sheet.row_dimensions[row_number].height = _NOTE_POINTS * cells.line_count(f"・{note}", sum(widths), 8.5)
    return row_number


class _Table:
    """One branch's sheet being written."""

    def __init__(
        self, sheet: Worksheet, branch: BranchTargets, comparison: TargetComparison, provenance: Provenance
    ) -> None:
        self.sheet = sheet
        self.branch = branch
        self.comparison = comparison
        self.provenance = provenance
        self.old_name, self.new_name = fiscal.wareki(comparison.old_year), fiscal.wareki(comparison.new_year)

    def write(self) -> None:
        """Fill the sheet."""
        sheet = self.sheet
        title = f"{self.branch.branch}　{self.comparison.title}"
        cells.set_widths(sheet, _WIDTHS)
        sheet_head.write_head(sheet, title, self.provenance, len(_WIDTHS))
        self._write_summary()
        sheet_head.write_column_heads(sheet, _HEAD_ROW, self._heads(), 36)
        row_number = _HEAD_ROW
        for group, lines in self.branch.by_group.items():
            row_number += 1
            self._write_group(row_number, group)
            for line in lines:
                row_number += 1
                self._write_line(row_number, line)
        row_number = _write_notes(sheet, row_number + 1, target_words.footnotes(self.comparison), _WIDTHS)
        sheet.freeze_panes = cells.at(sheet, _HEAD_ROW + 1, _CHANGE).coordinate
        sheet.print_title_rows = f"1:{_HEAD_ROW}"
        sheet.print_area = f"A1:{get_column_letter(_REMARKS)}{row_number}"
        page.set_up(sheet, title, self.provenance)
        height = sum(sheet.row_dimensions[number].height or 15 for number in range(1, row_number + 1))
        page.fit_to_width(sheet, pages_high=1 if page.fits_one_page(_WIDTHS, height, _SMALLEST_SCALE) else 0)

    def _heads(self) -> list[str]:
        return [
            "KPI指標",
            "区分",
            f"{self.old_name}\n目標",
            f"{self.new_name}\n目標",
            "目標の\n増減",
            f"（参考）\n{self.old_name}実績",
            f"{self.old_name}\n判定",
            "新しい目標と\n実績との差",
            "比較可否",
            "備考",
        ]

    def _write_summary(self) -> None:
        """How many of each change, as real numbers, and the way back to 目次; below it the year that is missing as a whole."""
        sheet = self.sheet
        sheet.row_dimensions[_SUMMARY_ROW].height = 24
        back = cells.at(sheet, _SUMMARY_ROW, _REMARKS)
        cells.put_text(back, f"← {INDEX}")
        _link(back, INDEX)
        total = cells.at(sheet, _SUMMARY_ROW, _KPI)
        cells.put_number(total, len(self.branch.lines), '"全 "0" 指標"')
        total.font, total.alignment = style.font(11, bold=True), style.PLAIN_LEFT
        for column, (change, count) in enumerate(self.branch.counts.items(), start=_CHANGE):
            cell = cells.at(sheet, _SUMMARY_ROW, column)
            cells.put_number(cell, count, f"{style.literal(target_words.CHANGE_WORDS[change] + '　')}0")
            _paint(cell, change)
            cell.border = style.CHIP_RULE
        notice = "　".join(target_words.notices(self.branch, self.comparison))
        cell = cells.at(sheet, _SUMMARY_ROW + 1, _KPI)
        cells.put_text(cell, notice)
        cell.font, cell.alignment = style.font(10, bold=True), style.PLAIN_LEFT
        sheet.row_dimensions[_SUMMARY_ROW + 1].height = 20 if notice else 6

    def _write_group(self, row_number: int, group: str) -> None:
        self.sheet.row_dimensions[row_number].height = 20
        for column in range(1, len(_WIDTHS) + 1):
            cell = cells.at(self.sheet, row_number, column)
            cell.fill, cell.border = style.fill(style.GROUP_FILL), style.HEAD_RULE
        cell = cells.at(self.sheet, row_number, _KPI)
        cells.put_text(cell, group)
        cell.font, cell.alignment = style.font(10, bold=True, colour=style.HEAD_FILL), style.PLAIN_LEFT

    def _write_line(self, row_number: int, line: TargetLine) -> None:
        def at(column: int) -> Cell:
            return cells.at(self.sheet, row_number, column)

        remarks = "\n".join(target_words.remarks(line, self.branch, self.comparison))
        _write_text(at(_KPI), line.kpi.names.ja, is_centred=False)
        cells.put_text(at(_CHANGE), " ".join(target_words.change_lines(line)))
        _paint(at(_CHANGE), line.change)
        targets = [_write_target(at(_OLD), line.old), _write_target(at(_NEW), line.new)]
        _write_signed(at(_DIFFERENCE), line.difference, line.shown)
        _write_result(at(_RESULT), line)
        if line.last is not None and line.old is not None:
            figure_cells.write_outcome(at(_OUTCOME), line.old.outcome, view.outcome_label(line.old.outcome))
        else:
            _write_text(at(_OUTCOME), view.NONE_MARK)
        _write_signed(at(_DISTANCE), line.distance, line.shown)
        _write_text(at(_COMPARABLE), target_words.comparability_text(line.comparability))
        cells.put_text(at(_REMARKS), remarks)
        at(_REMARKS).font, at(_REMARKS).alignment = style.font(9), style.LEFT
        for column in range(1, len(_WIDTHS) + 1):
            at(column).border = style.ROW_RULE
        texts = {
            _KPI: line.kpi.names.ja,
            _CHANGE: " ".join(target_words.change_lines(line)),
            _OLD: targets[0],
            _NEW: targets[1],
        }
        heights = [cells.row_height(cells.line_count(text, _WIDTHS[column - 1])) for column, text in texts.items()]
        heights.append(cells.row_height(cells.line_count(remarks, _WIDTHS[_REMARKS - 1], 9), 9))
        self.sheet.row_dimensions[row_number].height = max(heights)


def _paint(cell: Cell, change: Change) -> None:
    cell.font = style.font(
        bold=change is Change.CHANGED, colour=style.QUIET_INK if change is Change.UNKNOWN else style.INK
    )
    cell.alignment = style.CENTRE
    if change in _CHANGE_FILL:
        cell.fill = style.fill(_CHANGE_FILL[change])


def _write_text(cell: Cell, text: str, *, is_centred: bool = True) -> None:
    cells.put_text(cell, text)
    cell.font = style.font(colour=style.QUIET_INK if text == view.NONE_MARK else style.INK)
    cell.alignment = style.CENTRE if is_centred else style.LEFT


def _write_target(cell: Cell, row: ScorecardRow | None) -> str:
    if row is not None:
        return figure_cells.write_target(cell, row)
    _write_text(cell, view.NONE_MARK)
    cell.alignment = style.RIGHT_WORDS
    return view.NONE_MARK


def _write_result(cell: Cell, line: TargetLine) -> None:
    if line.last is None or line.old is None:
        _write_text(cell, view.NONE_MARK)
        cell.alignment = style.RIGHT_WORDS
    else:
        figure_cells.write_result(cell, line.old)


def _write_signed(cell: Cell, number: Decimal | None, row: ScorecardRow | None) -> None:
    """Write a difference with its sign and unit; ― for none."""
    if number is None or row is None:
        _write_text(cell, view.NONE_MARK)
    else:
        amount = style.number_format(row.precision, target_words.unit_of_difference(row.unit))
        cells.put_number(cell, number, f'"+"{amount};"−"{amount};"±0"')
        cell.font = style.font()
    cell.alignment = style.RIGHT
