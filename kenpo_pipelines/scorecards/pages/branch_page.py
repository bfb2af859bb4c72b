"""The scorecard page of one branch, or of 協会全体: head line, table by group, run charts, flags, earlier years, sources.

What lives here: which facts stand in which part of the page. What does not: their words (``view``, ``insight_words``), the
charts' geometry (``run_chart``), the look (``branch_page.html.j2``, ``branch_page.css``).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kenpo_pipelines import fiscal
from kenpo_pipelines.scorecards import insight_words, restatement_words, view
from kenpo_pipelines.scorecards.insight import KpiInsight
from kenpo_pipelines.scorecards.insight_words import OUTLOOK_WORDS
from kenpo_pipelines.scorecards.pages import rendering
from kenpo_pipelines.scorecards.pages.run_chart import RunChart, run_chart
from kenpo_pipelines.scorecards.provenance import (
    ORIGIN_LABELS,
    STATUS_LABELS,
    Provenance,
    SubmissionSource,
    time_label,
)
from kenpo_pipelines.scorecards.rows import ScorecardError, ScorecardRow, read_rows
from kenpo_pipelines.serving.restatement_queries import Restatement

_MOST_SOURCES, _MOST_RESTATEMENTS = 60, 100


@dataclass(frozen=True)
class Line:
    """One KPI as the table shows it: texts ready to be read. ``insight`` is None for earlier years."""

    row: ScorecardRow
    target: str
    result: str
    state: str
    outcome: str
    change: str
    ratio: str
    prior: str
    rank: str
    deviation: str
    remaining: str
    forecast: str
    forecast_range: str
    outlook: str
    flag: str
    remarks: tuple[str, ...]
    insight: KpiInsight | None

    @property
    def anchor(self) -> str:
        """Name of the KPI's chart on the page."""
        return f"c-{self.row.kpi_id}"


@dataclass(frozen=True)
class Picture:
    """One KPI's run chart with what is said around it; ``chart`` is None where ``reason`` says why."""

    line: Line
    chart: RunChart | None
    reason: str
    caption: str
    table: tuple[tuple[str, tuple[str, ...]], ...]
    years: tuple[str, ...]
    method: str


def branch_page(
    rows: Iterable[ScorecardRow | Mapping[str, Any] | object],
    insights: Sequence[KpiInsight],
    provenance: Provenance,
    restatements: Sequence[Restatement] = (),
) -> bytes:
    """Return the page of one branch as of one month as UTF-8; the same input makes the same bytes.

    ``rows`` are the branch's rows of ``mart_scorecard`` for one as_of, of any fiscal years; ``insights`` those of the branch's
    running year (see ``insight.insights``), ``restatements`` newest first. Raises :class:`ScorecardError` when the rows are
    of several branches or months, or of another month than the provenance.
    """
    typed = read_rows(rows)
    branches = sorted({row.branch_code for row in typed})
    if len(branches) > 1:
        raise ScorecardError(f"page: rows of more than one branch: {', '.join(branches)}")
    if typed[0].as_of != provenance.as_of:
        raise ScorecardError(f"page: rows are as of {typed[0].as_of}, the provenance as of {provenance.as_of}")
    years = view.years(typed)
    found = {(one.row.fiscal_year, one.row.kpi_id): one for one in insights}
    current = _groups(years[0], found)
    lines = [line for of_group in current.values() for line in of_group]
    own = [line.insight for line in lines if line.insight is not None]
    pictures = {group: [_picture(line) for line in of_group] for group, of_group in current.items()}
    shown = [one for one in restatements if one.fiscal_year in {year.fiscal_year for year in years}]
    return rendering.render(
        "branch_page.html.j2",
        title=f"{typed[0].branch}　{years[0].title}",
        provenance=provenance,
        own_css=rendering.script("branch_page.css"),
        year=years[0],
        month=view.month_in_year(years[0].label_month, years[0].fiscal_year),
        prior_year=fiscal.wareki(years[0].fiscal_year - 1),
        counts=_counts(years[0]),
        nearly=sum(row.is_nearly_attained is True and row.outcome == "not_attained" for row in years[0].rows),
        has_previous=insight_words.has_previous(own),
        previous_month=_previous_month(own),
        changes=_changes(lines),
        outlooks=_outlooks(lines),
        groups=current,
        pictures=pictures,
        has_charts=any(one.chart for of_group in pictures.values() for one in of_group),
        flagged=[(line, view.flags(line.row)) for line in lines if line.flag],
        footnotes=[
            *view.footnotes(years[0].rows),
            *insight_words.table_footnotes(own),
            *insight_words.series_footnotes(own),
        ],
        older=[(year, _groups(year, {})) for year in years[1:]],
        restatements=[_restatement(one) for one in shown[:_MOST_RESTATEMENTS]],
        restatements_hidden=max(0, len(shown) - _MOST_RESTATEMENTS),
        no_restatements=restatement_words.NO_RESTATEMENTS,
        sources=[_source(one) for one in provenance.listed_submissions(_MOST_SOURCES)],
        source_count=len(provenance.submissions),
    )


def _groups(year: view.YearView, found: Mapping[tuple[int, str], KpiInsight]) -> dict[str, list[Line]]:
    groups = view.by_group(year.rows)
    numbers = view.flag_numbers(row for rows in groups.values() for row in rows)
    return {
        group: [_line(row, found.get((row.fiscal_year, row.kpi_id)), numbers.get(row.kpi_id)) for row in rows]
        for group, rows in groups.items()
    }


def _line(row: ScorecardRow, one: KpiInsight | None, flag_number: int | None) -> Line:
    rank = view.rank_of(row)
    forecast = one.forecast if one else None
    return Line(
        row=row,
        target=row.target_text.strip() or view.NONE_MARK
        if row.target is None
        else view.figure_text(row.target, row.precision, row.unit, view.target_suffix(row)),
        result=_result(row),
        state=view.figure_state(row),
        outcome=view.outcome_label(row.outcome),
        change=insight_words.change_label(one) if one else "",
        ratio=view.NONE_MARK if row.ratio_to_target is None else view.figure_text(row.ratio_to_target, 1, "%"),
        prior=row.prior_value_text.strip() or view.NONE_MARK
        if row.prior_value is None
        else view.figure_text(row.prior_value, row.precision, row.unit),
        rank=view.NONE_MARK if rank is None else f"{rank[0]}位／{rank[1]}",
        deviation=f"{one.deviation:.1f}" if one and one.deviation is not None else "",
        remaining=insight_words.remaining_label(one) if one else view.NONE_MARK,
        forecast=insight_words.figure(one, forecast.value) if one and forecast else view.NONE_MARK,
        forecast_range=insight_words.forecast_range(one) if one else "",
        outlook=OUTLOOK_WORDS[one.outlook] if one and one.outlook else "",
        flag=f"{view.FLAG_MARK}{flag_number}" if flag_number is not None else "",
        remarks=tuple(view.remarks(row)),
        insight=one,
    )


def _result(row: ScorecardRow) -> str:
    doubt = view.WARNING_MARK if row.notes.strip() else ""
    if row.value is not None:
        return f"{doubt}{view.figure_text(row.value, row.precision, row.unit)}"
    return row.value_text if view.has_figure(row) else view.NONE_MARK


def _counts(year: view.YearView) -> list[tuple[str, str, str, int]]:
    """(outcome, mark, word, count), in the order in which they are told."""
    return [
        (outcome, view.OUTCOME_MARKS[outcome], view.OUTCOME_WORDS[outcome], count)
        for outcome, count in view.outcome_counts(year.rows).items()
    ]


def _previous_month(own: Sequence[KpiInsight]) -> str:
    months = {one.previous.as_of for one in own if one.previous is not None}
    return fiscal.month_label(max(months)) if months else ""


def _changes(lines: Sequence[Line]) -> list[tuple[Line, str, str, str]]:
    """(line, mark before, mark now, outcome now) of what is judged otherwise than on the scorecard before."""
    by_insight = {id(line.insight): line for line in lines if line.insight is not None}
    return [
        (
            by_insight[id(one)],
            view.outcome_label(one.previous.outcome),
            view.outcome_label(one.row.outcome),
            one.row.outcome,
        )
        for one in insight_words.changed(line.insight for line in lines if line.insight is not None)
        if one.previous is not None
    ]


def _outlooks(lines: Sequence[Line]) -> list[tuple[str, str, list[Line]]]:
    """(outlook, word, its lines): the doubtful first; nothing when no KPI has a forecast."""
    by_outlook: dict[str, list[Line]] = {outlook: [] for outlook in ("misses", "open", "reaches")}
    for line in lines:
        if line.insight is not None and line.insight.outlook:
            by_outlook[line.insight.outlook].append(line)
    words = {str(outlook): word for outlook, word in OUTLOOK_WORDS.items()}
    return [(outlook, words[outlook], of_outlook) for outlook, of_outlook in by_outlook.items() if of_outlook]


def _picture(line: Line) -> Picture:
    one = line.insight
    chart = None if one is None else run_chart(one)
    if one is None or chart is None:
        reason = insight_words.no_chart_reason(one) if one else "今年度の実績がありません"
        return Picture(line, None, reason, "", (), (), "")
    years = sorted(one.points, reverse=True)
    heads = [fiscal.wareki(year) for year in years] + (["目安"] if one.expected else [])
    by_month = [{point.figure_as_of: point.value for point in one.points[year]} for year in years]
    table = []
    for month in fiscal.month_range(fiscal.first_month(line.row.fiscal_year), fiscal.year_end(line.row.fiscal_year)):
        values = [
            of_year.get(fiscal.add_months(month, 12 * (year - line.row.fiscal_year)))
            for year, of_year in zip(years, by_month, strict=True)
        ]
        if one.expected:
            values.append(one.expected.get(month))
        texts = tuple(view.NONE_MARK if v is None else view.figure_text(v, line.row.precision, "") for v in values)
        table.append((view.month_in_year(month, line.row.fiscal_year), texts))
    method = f"{one.forecast.method}もとにした実績：{one.forecast.basis}。" if one.forecast else ""
    return Picture(line, chart, "", insight_words.summary(one), tuple(table), tuple(heads), method)


def _restatement(one: Restatement) -> dict[str, Any]:
    return {
        "when": time_label(one.restated_at),
        "as_of": fiscal.month_label(one.as_of),
        "kpi": one.kpi,
        "year": fiscal.wareki(one.fiscal_year),
        "parts": restatement_words.parts(one),
        "causes": restatement_words.cause_lines(one),
    }


def _source(one: SubmissionSource) -> tuple[str, ...]:
    rows = f"{one.rows_loaded:,}／{one.rows_read:,}行"
    return one.dataset, one.known_month, one.file, ORIGIN_LABELS[one.origin], STATUS_LABELS[one.status], rows
