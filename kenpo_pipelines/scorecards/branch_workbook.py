"""The scorecard workbook of one branch, or of 協会全体: one sheet per fiscal year, newest first, then 推移・見込み, グラフ,
遡及訂正 and 出典・来歴.

What lives here: the layout of the branch's table, in the form branches know (KPI指標, 目標, 実績, 前年度実績), with
judgement, ratio, rank, deviation score, 残り件数, flags (旗) and remarks. What does not: the words (``view``,
``insight_words``), the looks (``style``), monthly figures and charts (``series_sheet``, ``chart_sheet``).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell.cell import Cell
from openpyxl.worksheet.worksheet import Worksheet

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.scorecard_line import Outcome
from kenpo_pipelines.scorecards import (
    cells,
    figure_cells,
    files,
    insight_words,
    page,
    provenance_sheet,
    sheet_head,
    style,
    view,
)
from kenpo_pipelines.scorecards.chart_sheet import add_chart_sheet
from kenpo_pipelines.scorecards.insight import KpiInsight
from kenpo_pipelines.scorecards.provenance import Provenance
from kenpo_pipelines.scorecards.restatement_sheet import add_restatement_sheet
from kenpo_pipelines.scorecards.rows import ScorecardError, ScorecardRow, read_rows
from kenpo_pipelines.scorecards.series_sheet import add_series_sheet
from kenpo_pipelines.serving.restatement_queries import Restatement

_SUMMARY_ROW, _CHANGE_ROW, _HEAD_ROW = 3, 4, 5
_SMALLEST_SCALE = 0.66
"""Below this, 10-point letters are about 6.5 points on paper: the sheet takes a second page instead."""
_KPI, _TARGET, _RESULT, _STATE, _OUTCOME, _RATIO, _PRIOR, _RANK = range(1, 9)


@dataclass(frozen=True)
class _Columns:
    """Where the columns stand that differ between the running year, which has insights, and earlier ones."""

    widths: list[float]
    flag: int
    remarks: int
    deviation: int = 0
    remaining: int = 0

    @property
    def count(self) -> int:
        return len(self.widths)


_PLAIN = _Columns([41, 18.5, 15.5, 11, 12.5, 10.5, 15.5, 12, 6, 42], flag=9, remarks=10)
_RUNNING = _Columns(
    [36, 17.5, 15, 11, 12.5, 9.5, 14.5, 11.5, 8, 13, 6, 37], deviation=9, remaining=10, flag=11, remarks=12
)


def write_branch_workbook(
    path: Path,
    rows: Iterable[ScorecardRow | Mapping[str, Any] | object],
    provenance: Provenance,
    restatements: Sequence[Restatement] = (),
    insights: Sequence[KpiInsight] = (),
) -> Path:
    """Write the workbook of one branch as of one month, atomically and with reproducible bytes; return its path.

    ``rows`` are the branch's rows of ``mart_scorecard`` for one as_of, of any fiscal years: as_of's own year makes the
    first sheet, each earlier year with figures one further sheet. ``restatements``, newest first, follow on a sheet of their
    own. ``insights`` are the branch's, of as_of's own year: its table gets their columns, and the sheets 推移・見込み and
    グラフ follow where a KPI has two figures. Raises :class:`ScorecardError` when the rows are of
    several branches or months, or of another month than the provenance; OSError when the file cannot be written.
    """
    typed = read_rows(rows)
    branches = sorted({row.branch_code for row in typed})
    if len(branches) > 1:
        raise ScorecardError(f"{path.name}: rows of more than one branch: {', '.join(branches)}")
    if typed[0].as_of != provenance.as_of:
        raise ScorecardError(f"{path.name}: rows are as of {typed[0].as_of}, the provenance as of {provenance.as_of}")
    branch = typed[0].branch
    years = view.years(typed)
    workbook = sheet_head.new_workbook(f"{branch}　{years[0].title}")
    found = {(one.row.fiscal_year, one.row.kpi_id): one for one in insights}
    for year in years:
        _add_year(workbook, branch, year, provenance, found)
    add_chart_sheet(workbook, add_series_sheet(workbook, insights, provenance), provenance)
    add_restatement_sheet(workbook, restatements, [year.fiscal_year for year in years], provenance)
    provenance_sheet.add_provenance_sheet(workbook, provenance)
    return files.write_atomically(path, files.workbook_bytes(workbook, provenance.written_at))


def _add_year(
    workbook: Workbook,
    branch: str,
    year: view.YearView,
    provenance: Provenance,
    found: Mapping[tuple[int, str], KpiInsight],
) -> None:
    of_year = [one for row in year.rows if (one := found.get((row.fiscal_year, row.kpi_id)))]
    columns = _RUNNING if of_year else _PLAIN
    sheet: Worksheet = workbook.create_sheet(year.sheet_name)
    cells.set_widths(sheet, columns.widths)
    sheet_head.write_head(sheet, f"{branch}　{year.title}", provenance, columns.count)
    _write_summary(sheet, year, columns)
    _write_changes(sheet, of_year)
    sheet_head.write_column_heads(sheet, _HEAD_ROW, _heads(year, columns), 36)
    row_number = _HEAD_ROW
    groups = view.by_group(year.rows)
    flag_numbers = view.flag_numbers(row for rows in groups.values() for row in rows)
    for group, rows in groups.items():
        row_number += 1
        _write_group(sheet, row_number, group, columns)
        for row in rows:
            row_number += 1
            one = found.get((row.fiscal_year, row.kpi_id))
            _write_kpi(sheet, row_number, row, flag_numbers.get(row.kpi_id), one, columns)
    flagged = [row for rows in groups.values() for row in rows if row.kpi_id in flag_numbers]
    row_number = _write_flags(sheet, row_number, flagged, flag_numbers, columns)
    notes = [*view.footnotes(year.rows), *insight_words.table_footnotes(of_year)]
    row_number = _write_footnotes(sheet, row_number + 1, notes)
    sheet.freeze_panes = cells.at(sheet, _HEAD_ROW + 1, _TARGET).coordinate
    sheet.print_title_rows = f"1:{_HEAD_ROW}"
    sheet.print_area = f"A1:{cells.at(sheet, row_number, columns.remarks).coordinate}"
    page.set_up(sheet, f"{branch}　{year.sheet_name} KPI実績", provenance)
    height = sum(sheet.row_dimensions[number].height or 15 for number in range(1, row_number + 1))
    page.fit_to_width(sheet, pages_high=1 if page.fits_one_page(columns.widths, height, _SMALLEST_SCALE) else 0)


def _heads(year: view.YearView, columns: _Columns) -> list[str]:
    month = view.month_in_year(year.label_month, year.fiscal_year)
    return [
        "KPI指標",
        f"{year.sheet_name}\n目標",
        f"{year.sheet_name}\n実績（{month}時点）",
        "実績の\n時点",
        "判定",
        "対計画値",
        f"（参考）\n{fiscal.wareki(year.fiscal_year - 1)}実績",
        "順位",
        *(["偏差値", "残り件数"] if columns.deviation else []),
        view.FLAG_MARK,
        "備考",
    ]


def _write_summary(sheet: Worksheet, year: view.YearView, columns: _Columns) -> None:
    """The head line: how many KPIs attained, missed, could not be judged; real numbers with words in their format."""
    sheet.row_dimensions[_SUMMARY_ROW].height = 24
    sheet.row_dimensions[_CHANGE_ROW].height = 6
    total = cells.at(sheet, _SUMMARY_ROW, _KPI)
    cells.put_number(total, len(year.rows), '"全 "0" 指標の判定"')
    total.font, total.alignment = style.font(11, bold=True), style.PLAIN_LEFT
    places: dict[Outcome, int] = {"attained": _TARGET, "not_attained": _RESULT, "not_evaluable": _STATE}
    for outcome, count in view.outcome_counts(year.rows).items():
        cell = cells.at(sheet, _SUMMARY_ROW, places[outcome])
        cells.put_number(cell, count, f"{style.literal(view.outcome_label(outcome) + '　')}0")
        figure_cells.paint_outcome(cell, outcome)
        cell.border = style.CHIP_RULE
        cell.alignment = style.CENTRE
    sheet.merge_cells(start_row=_SUMMARY_ROW, end_row=_SUMMARY_ROW, start_column=_STATE, end_column=_OUTCOME)
    nearly = sum(row.is_nearly_attained is True and row.outcome == "not_attained" for row in year.rows)
    if nearly:
        cell = cells.at(sheet, _SUMMARY_ROW, _PRIOR)
        cells.put_number(cell, nearly, f"{style.literal(f'未達成のうち{view.NEARLY_ATTAINED} ')}0")
        cell.font, cell.alignment = style.font(9, colour=style.QUIET_INK), style.PLAIN_LEFT
        sheet.merge_cells(start_row=_SUMMARY_ROW, end_row=_SUMMARY_ROW, start_column=_PRIOR, end_column=columns.remarks)


def _write_changes(sheet: Worksheet, of_year: Sequence[KpiInsight]) -> None:
    """Below the head line: which KPIs are judged otherwise than on the scorecard before."""
    text = insight_words.change_line(of_year)
    if not text:
        return
    sheet.row_dimensions[_CHANGE_ROW].height = 18
    cell = cells.at(sheet, _CHANGE_ROW, _KPI)
    cells.put_text(cell, text)
    cell.font, cell.alignment = style.font(9.5), style.PLAIN_LEFT


def _write_group(sheet: Worksheet, row_number: int, group: str, columns: _Columns) -> None:
    sheet.row_dimensions[row_number].height = 20
    for column in range(1, columns.count + 1):
        cell = cells.at(sheet, row_number, column)
        cell.fill, cell.border = style.fill(style.GROUP_FILL), style.HEAD_RULE
    cell = cells.at(sheet, row_number, _KPI)
    cells.put_text(cell, group)
    cell.font, cell.alignment = style.font(10, bold=True, colour=style.HEAD_FILL), style.PLAIN_LEFT


def _write_kpi(
    sheet: Worksheet,
    row_number: int,
    row: ScorecardRow,
    flag_number: int | None,
    one: KpiInsight | None,
    columns: _Columns,
) -> None:
    rank = view.rank_of(row)

    def at(column: int) -> Cell:
        return cells.at(sheet, row_number, column)

    remarks = "\n".join(view.remarks(row))
    _write_text(at(_KPI), row.kpi, 10)
    target = figure_cells.write_target(at(_TARGET), row)
    result = figure_cells.write_result(at(_RESULT), row)
    _write_text(at(_STATE), view.figure_state(row) or view.NONE_MARK, 9, is_centred=True)
    change = insight_words.change_label(one) if one else ""
    outcome = f"{view.outcome_label(row.outcome)}\n{change}".strip()
    figure_cells.write_outcome(at(_OUTCOME), row.outcome, outcome)
    if row.ratio_to_target is None:
        _write_none(at(_RATIO))
    else:
        cells.put_number(at(_RATIO), view.at_precision(row.ratio_to_target, 1), '#,##0.0"%"')
        at(_RATIO).font, at(_RATIO).alignment = style.font(), style.RIGHT
    figure_cells.write_prior(at(_PRIOR), row)
    if rank is None:
        _write_text(at(_RANK), view.NONE_MARK, 10, is_centred=True)
    else:
        cells.put_number(at(_RANK), rank[0], f'0"位／{rank[1]}支部"')
        at(_RANK).font, at(_RANK).alignment = style.font(), style.RIGHT
    if columns.deviation:
        _write_standing(at(columns.deviation), at(columns.remaining), one)
    if flag_number is not None:
        _write_text(at(columns.flag), _flag_name(flag_number), 9, is_centred=True)
    if remarks:
        _write_text(at(columns.remarks), remarks, 9)
    for column in range(1, columns.count + 1):
        at(column).border = style.ROW_RULE
    texts = {
        _KPI: row.kpi,
        _STATE: view.figure_state(row),
        _TARGET: target,
        _RESULT: result,
        _PRIOR: row.prior_value_text,
        _OUTCOME: outcome,
    }
    widths = columns.widths
    heights = [cells.row_height(cells.line_count(text, widths[column - 1])) for column, text in texts.items()]
    heights.append(cells.row_height(cells.line_count(remarks, widths[columns.remarks - 1], 9), 9))
    sheet.row_dimensions[row_number].height = max(heights)


def _write_standing(deviation: Cell, remaining: Cell, one: KpiInsight | None) -> None:
    """Write 偏差値 and 残り件数."""
    if one is None or one.deviation is None:
        _write_none(deviation)
    else:
        cells.put_number(deviation, one.deviation, "0.0")
        deviation.font, deviation.alignment = style.font(), style.RIGHT
    if one is None or one.remaining is None:
        _write_none(remaining)
    elif one.remaining == 0:
        _write_text(remaining, insight_words.remaining_label(one), 10, is_centred=True)
    else:
        cells.put_number(remaining, one.remaining, '"あと"#,##0"人"')
        remaining.font, remaining.alignment = style.font(), style.RIGHT


def _write_text(cell: Cell, text: str, size: float, *, is_centred: bool = False) -> None:
    cells.put_text(cell, text)
    cell.font = style.font(size, colour=style.QUIET_INK if text == view.NONE_MARK else style.INK)
    cell.alignment = style.CENTRE if is_centred else style.LEFT


def _write_none(cell: Cell) -> None:
    cells.put_text(cell, view.NONE_MARK)
    cell.font, cell.alignment = style.font(colour=style.QUIET_INK), style.RIGHT


def _flag_name(number: int) -> str:
    return f"{view.FLAG_MARK}{number}"


def _write_flags(
    sheet: Worksheet,
    row_number: int,
    flagged: list[ScorecardRow],
    flag_numbers: Mapping[str, int],
    columns: _Columns,
) -> int:
    """Write below the table what each flag says; return the last row used."""
    if not flagged:
        return row_number
    row_number += 1
    sheet.row_dimensions[row_number].height = 8
    for row in flagged:
        for line in (f"{_flag_name(flag_numbers[row.kpi_id])}　{row.kpi}", *(f"　・{one}" for one in view.flags(row))):
            row_number += 1
            cell = cells.at(sheet, row_number, _KPI)
            cells.put_text(cell, line)
            is_name = not line.startswith("　")
            cell.font, cell.alignment = style.font(9, bold=is_name), style.LEFT
            sheet.merge_cells(start_row=row_number, end_row=row_number, start_column=_KPI, end_column=columns.remarks)
            sheet.row_dimensions[row_number].height = cells.row_height(
                cells.line_count(line, sum(columns.widths), 9), 9
            )
    return row_number


def _write_footnotes(sheet: Worksheet, row_number: int, notes: list[str]) -> int:
    """Write the notes below the table; return the last row used."""
    sheet.row_dimensions[row_number].height = 8
    for note in notes:
        row_number += 1
        cell = cells.at(sheet, row_number, _KPI)
        cells.put_text(cell, f"・{note}")
        cell.font, cell.alignment = style.font(8.5, colour=style.QUIET_INK), style.PLAIN_LEFT
        sheet.row_dimensions[row_number].height = 13.5
    return row_number
