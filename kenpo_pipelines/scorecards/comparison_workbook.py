"""The workbook that compares branches: KPIs down, 協会全体 and the branches across, ＫＰＩ and 結果 side by side.

What lives here: the layout of the comparison, one sheet per fiscal year, and where its pages break.
What does not: the words (``view``) and the looks (``style``).
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.pagebreak import Break
from openpyxl.worksheet.worksheet import Worksheet

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.model import NATION
from kenpo_pipelines.scorecards import cells, figure_cells, files, page, provenance_sheet, sheet_head, style, view
from kenpo_pipelines.scorecards.flag_sheet import SHEET_NAME as FLAG_SHEET
from kenpo_pipelines.scorecards.flag_sheet import add_flag_sheet
from kenpo_pipelines.scorecards.provenance import Provenance
from kenpo_pipelines.scorecards.restatement_sheet import add_restatement_sheet
from kenpo_pipelines.scorecards.rows import ScorecardError, ScorecardRow, read_rows
from kenpo_pipelines.serving.restatement_queries import Restatement

_KPI_WIDTH, _STATE_WIDTH, _MARK_WIDTH, _LEAST_WIDTH = 29.5, 9.5, 4.6, 10.0
_LEGEND_ROW, _BRANCH_ROW, _COUNT_ROW, _HEAD_ROW = 3, 5, 6, 7
_FIRST_SET = 3
"""Column of the first ＫＰＩ; before it stand KPI指標 and 時点. Each branch takes three columns: ＫＰＩ, 結果, 判定."""
_SCALE = 0.63
"""Scale on paper when the branches need more than one page: whole branches per page, 協会全体 on each."""


def write_comparison_workbook(
    path: Path,
    rows: Iterable[ScorecardRow | Mapping[str, Any] | object],
    provenance: Provenance,
    restatements: Sequence[Restatement] = (),
) -> Path:
    """Write the comparison of all branches as of one month, atomically and with reproducible bytes; return its path.

    ``rows`` are rows of ``mart_scorecard`` for one as_of, of any branches and fiscal years: as_of's own year makes the
    first sheet, each earlier year with figures one further sheet. ``restatements``, newest first, follow on a sheet of their
    own. Raises :class:`ScorecardError` when the rows are of
    several months or of another month than the provenance; OSError when the file cannot be written.
    """
    typed = read_rows(rows)
    if typed[0].as_of != provenance.as_of:
        raise ScorecardError(f"{path.name}: rows are as of {typed[0].as_of}, the provenance as of {provenance.as_of}")
    years = view.years(typed)
    workbook = sheet_head.new_workbook(f"支部比較　{years[0].title}")
    for year in years:
        _Comparison(workbook, year, provenance).write()
    add_flag_sheet(workbook, years, provenance)
    add_restatement_sheet(workbook, restatements, [year.fiscal_year for year in years], provenance)
    provenance_sheet.add_provenance_sheet(workbook, provenance)
    return files.write_atomically(path, files.workbook_bytes(workbook, provenance.written_at))


class _Comparison:
    """One sheet being written."""

    def __init__(self, workbook: Workbook, year: view.YearView, provenance: Provenance) -> None:
        self.sheet: Worksheet = workbook.create_sheet(year.sheet_name)
        self.year = year
        self.provenance = provenance
        self.branches = {row.branch_code: row.branch for row in sorted(year.rows, key=lambda row: row.branch_code)}
        self.row_of = {(row.branch_code, row.kpi_id): row for row in year.rows}
        # One line per KPI: any branch's row can name it.
        self.kpis = view.by_group({row.kpi_id: row for row in reversed(year.rows)}.values())
        self.state_of = {
            row.kpi_id: view.common_state(r for r in year.rows if r.kpi_id == row.kpi_id)
            for rows in self.kpis.values()
            for row in rows
        }
        self.widths: list[float] = [_KPI_WIDTH, _STATE_WIDTH]

    def write(self) -> None:
        """Fill the sheet."""
        self.widths += [_LEAST_WIDTH, _LEAST_WIDTH, _MARK_WIDTH] * len(self.branches)
        sheet_head.write_head(self.sheet, f"支部比較　{self.year.title}", self.provenance, len(self.widths))
        self._write_heads()
        row_number = _HEAD_ROW
        for group, rows in self.kpis.items():
            row_number += 1
            self._write_group(row_number, group)
            for row in rows:
                row_number += 1
                self._write_kpi(row_number, row)
        cells.set_widths(self.sheet, self.widths)
        self._set_pages(row_number)

    def _write_heads(self) -> None:
        marks = "　".join(view.outcome_label(outcome) for outcome in view.OUTCOME_WORDS)
        # Two short lines: on the second page and after, only the repeated columns' width is there for them.
        legend = (f"判定：{marks}　／ 対象外の指標", "結果の時点が「時点」列と異なるときは、結果に（ ）で示します。")
        if any(view.flags(row) for row in self.year.rows):
            legend = (legend[0], f"{legend[1]}{view.FLAG_MARK}の内容は「{FLAG_SHEET}」にあります。")
        for row_number, text in enumerate(legend, start=_LEGEND_ROW):
            cell = cells.at(self.sheet, row_number, 1)
            cells.put_text(cell, text)
            cell.font, cell.alignment = style.font(9, colour=style.QUIET_INK), style.PLAIN_LEFT
            self.sheet.row_dimensions[row_number].height = 16
        set_labels = ["ＫＰＩ", "結果", "判定"] * len(self.branches)
        for row_number, height in ((_BRANCH_ROW, 22), (_COUNT_ROW, 20), (_HEAD_ROW, 20)):
            labels = ["KPI指標", "時点", *set_labels] if row_number == _HEAD_ROW else [""] * len(self.widths)
            sheet_head.write_column_heads(self.sheet, row_number, labels, height)
        for index, (code, name) in enumerate(self.branches.items()):
            column = _FIRST_SET + 3 * index
            counts = view.outcome_counts(row for row in self.year.rows if row.branch_code == code)
            summary = "　".join(f"{view.OUTCOME_MARKS[outcome]} {count}" for outcome, count in counts.items())
            for row_number, text in ((_BRANCH_ROW, name), (_COUNT_ROW, summary)):
                cells.put_text(cells.at(self.sheet, row_number, column), text)
                self.sheet.merge_cells(
                    start_row=row_number, end_row=row_number, start_column=column, end_column=column + 2
                )

    def _write_group(self, row_number: int, group: str) -> None:
        self.sheet.row_dimensions[row_number].height = 20
        for column in range(1, len(self.widths) + 1):
            cell = cells.at(self.sheet, row_number, column)
            cell.fill, cell.border = style.fill(style.GROUP_FILL), style.HEAD_RULE
        cell = cells.at(self.sheet, row_number, 1)
        cells.put_text(cell, group)
        cell.font, cell.alignment = style.font(10, bold=True, colour=style.HEAD_FILL), style.PLAIN_LEFT

    def _write_kpi(self, row_number: int, kpi: ScorecardRow) -> None:
        name, state = cells.at(self.sheet, row_number, 1), cells.at(self.sheet, row_number, 2)
        cells.put_text(name, kpi.kpi)
        cells.put_text(state, self.state_of[kpi.kpi_id] or view.NONE_MARK)
        name.font, name.alignment, name.border = style.font(), style.LEFT, style.ROW_RULE
        state.font, state.alignment, state.border = style.font(9), style.CENTRE, style.ROW_RULE
        for index, code in enumerate(self.branches):
            self._write_set(row_number, _FIRST_SET + 3 * index, self.row_of.get((code, kpi.kpi_id)))
        lines = max(cells.line_count(kpi.kpi, _KPI_WIDTH), cells.line_count(self.state_of[kpi.kpi_id], _STATE_WIDTH, 9))
        self.sheet.row_dimensions[row_number].height = cells.row_height(lines)

    def _write_set(self, row_number: int, column: int, row: ScorecardRow | None) -> None:
        """Write ＫＰＩ, 結果 and 判定 of one branch; a KPI that is not the branch's own gets ／ on grey."""
        target, result, mark = (cells.at(self.sheet, row_number, column + offset) for offset in range(3))
        if row is None:
            for cell in (target, result, mark):
                cells.put_text(cell, "／")
                cell.font, cell.fill = style.font(colour=style.QUIET_INK), style.fill(style.BLANK_FILL)
                cell.alignment = style.CENTRE
        else:
            state = view.figure_state(row)
            own_state = "" if state == self.state_of[row.kpi_id] else state
            for offset, shown in enumerate(
                (
                    figure_cells.write_target(target, row),
                    figure_cells.write_result(result, row, own_state, with_flag=True),
                )
            ):
                room = cells.column_units(shown)
                self.widths[column - 1 + offset] = max(self.widths[column - 1 + offset], room)
            figure_cells.write_outcome(mark, row.outcome, view.OUTCOME_MARKS[row.outcome])
            figure_cells.paint_outcome(result, row.outcome)
        target.border, result.border, mark.border = style.SET_RULE, style.ROW_RULE, style.ROW_RULE

    def _set_pages(self, last_row: int) -> None:
        sheet = self.sheet
        has_nation = next(iter(self.branches)) == NATION
        fixed = _FIRST_SET + 3 * has_nation
        sheet.freeze_panes = cells.at(sheet, _HEAD_ROW + 1, fixed).coordinate
        sheet.print_title_rows = f"1:{_HEAD_ROW}"
        sheet.print_title_cols = f"A:{get_column_letter(fixed - 1)}"
        sheet.print_area = f"A1:{cells.at(sheet, last_row, len(self.widths)).coordinate}"
        page.set_up(sheet, f"支部比較　{fiscal.wareki(self.year.fiscal_year)} KPI実績", self.provenance)
        height = sum(sheet.row_dimensions[number].height or 15 for number in range(1, last_row + 1))
        if sum(self.widths) * _SCALE <= page.USABLE_WIDTH:
            page.fit_to_width(sheet, pages_high=1 if page.fits_one_page(self.widths, height, _SCALE) else 0)
            return
        # Fitting to pages would ignore breaks and tear a branch's columns apart: fixed scale, breaks between branches.
        sheet.page_setup.scale = round(_SCALE * 100)
        used = repeated = sum(self.widths[: fixed - 1])
        for column in range(fixed, len(self.widths) + 1, 3):
            needed = sum(self.widths[column - 1 : column + 2])
            if used + needed > page.USABLE_WIDTH / _SCALE and used > repeated:
                sheet.col_breaks.append(Break(id=column - 1))
                used = repeated
            used += needed
