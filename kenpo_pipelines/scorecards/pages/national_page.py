"""The national overview: 47 branches × KPIs on one self-contained page, ``national_2025-06.html``.

What lives here: putting the page together from published rows, and what its script is given. What does not: figures
(``national_figures``), limits and signals (``national_charts``), the month's events (``national_events``), drawing and
handling (``national.js``), layout (``national_page.html.j2``).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.model import NATION
from kenpo_pipelines.catalogue.scorecard_line import ScorecardLine
from kenpo_pipelines.scorecards import restatement_words, view
from kenpo_pipelines.scorecards.branch_deviations import LEAST_BRANCHES
from kenpo_pipelines.scorecards.pages import national_charts, national_events
from kenpo_pipelines.scorecards.pages.embedding import embedded_json
from kenpo_pipelines.scorecards.pages.japan import PREFECTURES, REGIONS, short_name
from kenpo_pipelines.scorecards.pages.national_events import LateSubmission
from kenpo_pipelines.scorecards.pages.national_figures import (
    Cell,
    KpiColumn,
    kpi_columns,
    same_month_last_year,
    target_text,
)
from kenpo_pipelines.scorecards.pages.rendering import render, script
from kenpo_pipelines.scorecards.provenance import Provenance
from kenpo_pipelines.scorecards.rows import ScorecardError, ScorecardRow, read_rows
from kenpo_pipelines.serving.queries import LedgerRow
from kenpo_pipelines.serving.restatement_queries import Restatement
from kenpo_pipelines.serving.series import SeriesPoint

MOST_RESTATEMENTS = 100
"""Lines on the page; the workbooks' sheets 遡及訂正 have the others."""
_OUTCOMES = tuple(view.OUTCOME_MARKS)


def page_name(month: str) -> str:
    """Return the page's file name: national_2025-06.html."""
    return f"national_{month}.html"


def national_page(
    rows: Sequence[ScorecardLine],
    previous_rows: Sequence[ScorecardLine],
    series: Sequence[SeriesPoint],
    ledger: Sequence[LedgerRow],
    restated: Sequence[Restatement],
    late: Sequence[LateSubmission] | None,
    provenance: Provenance,
    *,
    dataset_names: Mapping[str, str] | None = None,
) -> bytes:
    """Return the page as UTF-8, the same bytes for the same input.

    ``rows`` are all lines of one month's scorecards, ``previous_rows`` those of the month before (none in the first month),
    ``series`` the months up to it, ``ledger`` any submissions (those of the month are shown), ``restated`` restatements newest
    first (those of the years shown are told), ``late`` what has not come by the day of writing and None where nobody looked,
    ``dataset_names`` Japanese names by dataset id. Shown is the month's own fiscal year. An edition for others than head
    office (``provenance.edition``) says nothing of submissions. Raises :class:`ScorecardError` for rows of several months, or
    of another month than the provenance's.
    """
    typed = read_rows(rows)
    if typed[0].as_of != provenance.as_of:
        raise ScorecardError(f"national page: rows as of {typed[0].as_of}, provenance as of {provenance.as_of}")
    years = view.years(typed)
    year = years[0]
    columns = kpi_columns(year.rows)
    earlier = read_rows(previous_rows) if previous_rows else []
    before = kpi_columns(row for row in earlier if row.fiscal_year == year.fiscal_year)
    own_series = [point for point in series if point.figure_as_of <= provenance.as_of]
    months = national_charts.months_of(own_series)
    controls = national_charts.control_charts(own_series, months, columns)
    told = [one for one in restated if one.fiscal_year in {shown.fiscal_year for shown in years}]
    names = _branches(year.rows)
    shared = [column for column in columns if column.cells]
    start = max(columns, key=lambda column: column.with_figure)
    return render(
        "national_page.html.j2",
        title=f"全国KPI概況（{fiscal.month_label(year.label_month)}時点）",
        provenance=provenance,
        national_css=script("national.css"),
        national_js=script("national.js"),
        year=year,
        columns=columns,
        shared=shared,
        groups=list(view.by_group(column.head for column in columns)),
        spans=_spans(shared),
        start=start.head.kpi_id,
        branches=names,
        regions=REGIONS,
        region_of={code: PREFECTURES[code].region for code in names if code in PREFECTURES},
        short_name=short_name,
        target_text=target_text,
        view=view,
        data=embedded_json(_data(columns, controls, months, names, start.head.kpi_id)),
        last_year=same_month_last_year(columns, own_series),
        has_scores=any(column.with_deviation for column in columns),
        reporting=_reporting(year.rows),
        is_mid_year=not provenance.as_of.endswith("-03"),
        previous={column.head.kpi_id: column for column in before},
        nation_counts=_nation_counts(columns),
        nation_before=_nation_counts(before),
        branch_counts=_branch_counts(columns),
        branch_before=_branch_counts(before),
        turns=national_events.turns(
            columns,
            {(column.head.kpi_id, code): cell for column in before for code, cell in column.cells.items()},
        ),
        has_previous=bool(before),
        movers=national_events.movers_of_the_month(columns, before),
        signals=_latest_signals(columns, controls, months),
        is_internal=not provenance.edition,
        is_late_known=late is not None,
        late=national_events.late_lines(late or ()),
        late_branches=len({one.branch_code for one in late or ()}),
        gaps=national_events.gaps(columns),
        datasets=national_events.dataset_lines(ledger, provenance.as_of),
        dataset_names=dataset_names or {},
        restated=told[:MOST_RESTATEMENTS],
        restated_total=len(told),
        words=restatement_words,
        month_label=fiscal.month_label,
        notes=view.footnotes(year.rows),
        least_branches=LEAST_BRANCHES,
    )


def _branches(rows: Iterable[ScorecardRow]) -> dict[str, str]:
    """Names of the branches that have rows, by code; 協会全体 first where it is there."""
    return {row.branch_code: row.branch for row in sorted(rows, key=lambda row: row.branch_code)}


def _reporting(rows: Iterable[ScorecardRow]) -> int:
    """How many branches have any figure."""
    return len({row.branch_code for row in rows if row.branch_code != NATION and view.has_figure(row)})


def _spans(columns: Iterable[KpiColumn]) -> list[tuple[str, int]]:
    """Groups of KPIs and over how many columns they reach."""
    spans: dict[str, int] = {}
    for column in columns:
        spans[column.head.kpi_group] = spans.get(column.head.kpi_group, 0) + 1
    return list(spans.items())


def _nation_counts(columns: Iterable[KpiColumn]) -> dict[Any, int]:
    return view.outcome_counts(column.nation.row for column in columns if column.nation is not None)


def _branch_counts(columns: Iterable[KpiColumn]) -> dict[Any, int]:
    return view.outcome_counts(cell.row for column in columns for cell in column.cells.values())


def _latest_signals(
    columns: Iterable[KpiColumn],
    controls: Mapping[str, Mapping[str, national_charts.ControlChart]],
    months: Sequence[str],
) -> list[tuple[KpiColumn, str]]:
    """The nation's KPIs whose newest month carries a signal, each with its month and words."""
    found = []
    for column in columns:
        chart = controls[column.head.kpi_id].get(NATION)
        if chart is None:
            continue
        newest = max(place for place, value in enumerate(chart.values) if value is not None)
        texts = [text for _, last, text in chart.signals if last == newest]
        if texts:
            found.append((column, f"{fiscal.month_label(months[newest])}：{'。'.join(texts)}"))
    return found


def _data(
    columns: Sequence[KpiColumn],
    controls: Mapping[str, Mapping[str, national_charts.ControlChart]],
    months: Sequence[str],
    names: Mapping[str, str],
    start: str,
) -> dict[str, Any]:
    return {
        "start": start,
        "months": list(months),
        "branches": {
            code: [name, short_name(name), *_place(code)] for code, name in {NATION: "協会全体", **names}.items()
        },
        "others": [[place.name, place.column, place.row] for code, place in PREFECTURES.items() if code not in names],
        "kpis": [
            {
                "id": column.head.kpi_id,
                "name": column.head.kpi,
                "group": column.head.kpi_group,
                "unit": column.head.unit,
                "precision": column.head.precision,
                "atMost": column.is_at_most,
                "state": column.state,
                "cells": {
                    code: _cell(cell)
                    for code, cell in ({NATION: column.nation} | dict(column.cells)).items()
                    if cell is not None
                },
                "funnel": national_charts.funnel_data(national_charts.funnel_of(column)),
                "control": {
                    code: national_charts.control_data(chart, column.head.precision)
                    for code, chart in controls[column.head.kpi_id].items()
                },
            }
            for column in columns
        ],
    }


def _place(code: str) -> list[Any]:
    place = PREFECTURES.get(code)
    return ["全国", 0, 0] if place is None else [place.region, place.column, place.row]


def _cell(cell: Cell) -> list[Any]:
    """A cell as the script reads it; the order is that of ``CELL`` in ``national.js``."""
    row = cell.row
    rank = view.rank_of(row)
    return [
        cell.figure,
        row.value,
        _OUTCOMES.index(row.outcome),
        None if row.ratio_to_target is None else f"{row.ratio_to_target:.1f}",
        None if rank is None else rank[0],
        None if rank is None else rank[1],
        None if cell.deviation is None else f"{cell.deviation:.1f}",
        row.target,
        target_text(row),
        cell.remarks,
        f"{cell.deviation_class} {cell.target_class}".strip(),
        row.unit if row.value is not None else "",
        cell.state,
    ]
