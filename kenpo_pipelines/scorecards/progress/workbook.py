"""The progress report as a workbook: KPIs, activities, initiatives, and 出典・来歴.

What lives here: the layout of the three sheets. What does not: words (``words``), looks (``sheets``), the report (``report``).
"""

from collections.abc import Sequence
from pathlib import Path

from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from kenpo_pipelines.scorecards import cells, figure_cells, files, provenance_sheet, sheet_head, style, view
from kenpo_pipelines.scorecards.progress import sheets, words
from kenpo_pipelines.scorecards.progress.budgets import Amounts
from kenpo_pipelines.scorecards.progress.model import (
    ActivityLine,
    InitiativeGroup,
    InitiativeLine,
    KpiLine,
    ProgressReport,
)
from kenpo_pipelines.scorecards.progress.quarters import Quarter
from kenpo_pipelines.scorecards.provenance import Provenance

_KPI_SHEET, _ACTIVITY_SHEET, _INITIATIVE_SHEET = "KPI・進捗", "取組件数", "事業予算・執行"
_KPI_WIDTHS: list[float] = [40, 20, 22, 18, 0, 0, 0, 0, 15, 34]
_ACTIVITY_WIDTHS: list[float] = [62, 0, 0, 0, 0, 23]
"""0 for quarters: as wide as what they hold, for most of the year some are empty."""
_INITIATIVE_WIDTHS: list[float] = [66, 18, 20, 19, 13, 18, 16]
_NARROWEST_QUARTER = 11.0
_WHY_HEAD = "進捗の根拠"


def write_progress_workbook(path: Path, report: ProgressReport, provenance: Provenance) -> Path:
    """Write the workbook, atomically and with reproducible bytes; return its path.

    Sheets of activities and initiatives are left out where the branch reports none.
    """
    workbook = sheet_head.new_workbook(report.title)
    _add_kpis(workbook, report, provenance)
    if report.activity_groups:
        _add_activities(workbook, report, provenance)
    if report.initiative_groups:
        _add_initiatives(workbook, report, provenance)
    provenance_sheet.add_provenance_sheet(workbook, provenance)
    return files.write_atomically(path, files.workbook_bytes(workbook, provenance.written_at))


def _add_kpis(workbook: Workbook, report: ProgressReport, provenance: Provenance) -> None:
    sheet: Worksheet = workbook.create_sheet(_KPI_SHEET)
    counts = "　".join(f"{words.mark_label(mark)} {kpis}" for mark, (kpis, _) in words.mark_counts(report).items())
    heads = [*words.kpi_heads(report), _WHY_HEAD]
    told = [
        [
            _quarter_words(quarter, line.quarter_unit, line.quarter_precision, is_level=line.is_level)
            for quarter in line.quarters
        ]
        for line in report.kpi_lines
    ]
    widths = [*_KPI_WIDTHS[:4], *_quarter_widths(told), *_KPI_WIDTHS[8:]]
    sheets.begin(sheet, report.title, f"KPIの進捗：{counts}", heads, widths, provenance)
    row = sheets.HEAD_ROW
    for group in report.kpi_groups:
        row += 1
        sheets.write_group(sheet, row, group.name, len(_KPI_WIDTHS))
        for line in group.lines:
            row += 1
            _write_kpi(sheet, row, line)
    notes = [words.given_mark_words(one) for one in report.given_marks]
    notes += [*words.unused_mark_words(report), *(f"・{note}" for note in words.kpi_footnotes(report))]
    sheets.write_notes(sheet, row, notes, widths)
    sheets.finish(sheet, report.title, provenance)


def _write_kpi(sheet: Worksheet, row: int, line: KpiLine) -> None:
    of = line.row
    texts = [of.kpi, words.target_words(of), words.figure_words(of), words.prior_words(of)]
    for column, text in enumerate(texts, start=1):
        sheets.write_words(cells.at(sheet, row, column), text, is_right=column > 1)
    figure_cells.write_target(cells.at(sheet, row, 2), of)
    if of.prior_value is not None and not words.prior_aside(of):
        figure_cells.write_prior(cells.at(sheet, row, 4), of)
    if of.value is not None:
        aside = words.month_aside(of.figure_as_of, of.fiscal_year)
        doubt = view.WARNING_MARK if of.notes.strip() else ""
        number_format = style.number_format(of.precision, of.unit, prefix=doubt, suffix=aside)
        cell = cells.at(sheet, row, 3)
        cells.put_number(cell, view.at_precision(of.value, of.precision), number_format)
        cell.alignment = style.RIGHT
    is_level = line.is_level
    for column, quarter in enumerate(line.quarters, start=5):
        _write_quarter(sheet, row, column, quarter, line.quarter_unit, line.quarter_precision, is_level=is_level)
    sheets.write_mark(cells.at(sheet, row, 9), line.mark)
    why = words.why_words(line.mark)
    sheets.write_words(cells.at(sheet, row, 10), why, size=9)
    sizes = [(text, width, 10.0) for text, width in zip(texts, _KPI_WIDTHS, strict=False)]
    sizes += [(why, _KPI_WIDTHS[9], 9.0), ("○\n注" if line.mark.note else "○", _KPI_WIDTHS[8], 10.0)]
    sheets.fit_height(sheet, row, sizes)


def _quarter_words(quarter: Quarter, unit: str, precision: int, *, is_level: bool) -> str:
    return words.quarter_text(quarter, unit, precision) + words.until_aside(quarter, is_level=is_level)


def _quarter_widths(told: Sequence[Sequence[str]]) -> list[float]:
    """Widths of the four quarters' columns, so that the longest number of each stands on one line."""
    columns = zip(*told, strict=True)
    return [max(_NARROWEST_QUARTER, *(cells.column_units(text) for text in column)) for column in columns]


def _write_quarter(
    sheet: Worksheet, row: int, column: int, quarter: Quarter, unit: str, precision: int, *, is_level: bool
) -> None:
    cell = cells.at(sheet, row, column)
    if quarter.value is None:
        sheets.write_words(cell, words.quarter_text(quarter, unit, precision), size=9.5, is_right=True)
        return
    aside = words.until_aside(quarter, is_level=is_level)
    number_format = style.number_format(precision, unit, suffix=aside)
    sheets.write_number(cell, view.at_precision(quarter.value, precision), number_format)
    cell.font = style.font(9.5)


def _add_activities(workbook: Workbook, report: ProgressReport, provenance: Provenance) -> None:
    sheet: Worksheet = workbook.create_sheet(_ACTIVITY_SHEET)
    told = [
        [_quarter_words(quarter, line.unit, 0, is_level=line.is_level) for quarter in line.quarters]
        for line in report.activity_lines
    ]
    widths = [_ACTIVITY_WIDTHS[0], *_quarter_widths(told), _ACTIVITY_WIDTHS[5]]
    sheets.begin(sheet, report.title, "取組件数", words.activity_heads(report), widths, provenance)
    row = sheets.HEAD_ROW
    for group in report.activity_groups:
        if group.name:
            row += 1
            sheets.write_group(sheet, row, group.name, len(_ACTIVITY_WIDTHS))
        for line in group.lines:
            row += 1
            _write_activity(sheet, row, line)
    notes = [f"・{note}" for note in words.activity_footnotes(report)]
    sheets.write_notes(sheet, row, notes, widths)
    sheets.finish(sheet, report.title, provenance)


def _write_activity(sheet: Worksheet, row: int, line: ActivityLine) -> None:
    name = words.activity_name(line)
    sheets.write_words(cells.at(sheet, row, 1), name)
    for column, quarter in enumerate(line.quarters, start=2):
        _write_quarter(sheet, row, column, quarter, line.unit, 0, is_level=line.is_level)
    aside = words.total_aside(line)
    sheets.write_number(cells.at(sheet, row, 6), line.total, style.number_format(0, line.unit, suffix=aside))
    sheets.fit_height(sheet, row, [(name, _ACTIVITY_WIDTHS[0], 10)])


def _add_initiatives(workbook: Workbook, report: ProgressReport, provenance: Provenance) -> None:
    sheet: Worksheet = workbook.create_sheet(_INITIATIVE_SHEET)
    caption = f"事業予算・執行　{words.initiatives_caption(report)}"
    sheets.begin(sheet, report.title, caption, words.initiative_heads(report), _INITIATIVE_WIDTHS, provenance)
    row = sheets.HEAD_ROW
    for group in report.initiative_groups:
        row = _write_initiatives(sheet, row + 1, group)
    if len(report.initiative_groups) > 1:
        row += 1
        _write_sum(sheet, row, "合計", report.total)
    notes = [words.given_mark_words(one) for one in report.given_marks]
    notes += [f"・{note}" for note in words.initiative_footnotes(report)]
    if report.sources:
        notes.append(f"出典：{'、'.join(report.sources)}")
    sheets.write_notes(sheet, row, notes, _INITIATIVE_WIDTHS)
    sheets.finish(sheet, report.title, provenance)


def _write_initiatives(sheet: Worksheet, row: int, group: InitiativeGroup) -> int:
    """Write one field: its name, its initiatives, their sum, and sums that the source prints; return the last row used."""
    sheets.write_group(sheet, row, group.name, len(_INITIATIVE_WIDTHS))
    for line in group.lines:
        row += 1
        _write_initiative(sheet, row, line)
    if group.lines:
        row += 1
        _write_sum(sheet, row, "計", group.total)
    for printed in group.printed_sums:
        row += 1
        name = f"（資料の計）{printed.name}"
        sheets.write_words(cells.at(sheet, row, 1), name, size=9)
        _write_amounts(sheet, row, printed.amounts)
        sheets.fit_height(sheet, row, [(name, _INITIATIVE_WIDTHS[0], 9)])
    return row


def _write_initiative(sheet: Worksheet, row: int, line: InitiativeLine) -> None:
    sheets.write_words(cells.at(sheet, row, 1), line.initiative)
    _write_amounts(sheet, row, line.amounts)
    status = cells.at(sheet, row, 5)
    sheets.write_words(status, line.status or view.NONE_MARK)
    status.alignment = style.CENTRE
    sheets.write_mark(cells.at(sheet, row, 7), line.mark)
    sizes = [(line.initiative, _INITIATIVE_WIDTHS[0], 10.0), ("○\n注" if line.mark.note else "○", 16.0, 10.0)]
    sheets.fit_height(sheet, row, sizes)


def _write_sum(sheet: Worksheet, row: int, name: str, amounts: Amounts) -> None:
    sheets.write_words(cells.at(sheet, row, 1), name, is_bold=True, is_right=True)
    _write_amounts(sheet, row, amounts, is_bold=True)
    for column in range(1, len(_INITIATIVE_WIDTHS) + 1):
        cell = cells.at(sheet, row, column)
        cell.fill, cell.border = style.fill(style.BLANK_FILL), style.HEAD_RULE
    sheet.row_dimensions[row].height = cells.row_height(1)


def _write_amounts(sheet: Worksheet, row: int, amounts: Amounts, *, is_bold: bool = False) -> None:
    yen = {2: amounts.budget_yen, 3: amounts.executed_yen, 6: amounts.prior_budget_yen}
    for column, amount in yen.items():
        sheets.write_number(cells.at(sheet, row, column), amount, sheets.YEN_FORMAT, is_bold=is_bold)
    rate = cells.at(sheet, row, 4)
    over = f"{words.OVER_BUDGET} " if amounts.is_over_budget else ""
    sheets.write_number(rate, amounts.execution_pct, style.literal(over) + sheets.PERCENT_FORMAT, is_bold=is_bold)
    if over:
        rate.font, rate.fill = (
            style.font(bold=True, colour=sheets.MARK_INK["×"]),
            style.fill(sheets.MARK_FILL["×"] or ""),
        )
