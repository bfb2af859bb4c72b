"""How a month came out, as Dagster shows it beside the tables: a picture and two tables of counts.

What lives here: counting judgements by branch and by KPI, and drawing them. What does not: judging, and the pages that branches
read (``kenpo_pipelines.scorecards``). Counts of KPIs are about no person.
"""

import base64
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg
from markupsafe import escape

from expectations.markdown import markdown_table
from kenpo_pipelines.catalogue.model import NATION, Catalogue
from kenpo_pipelines.scorecards.view import OUTCOME_WORDS, outcome_label

_COLOURS = {
    "attained": ("#1b4b72", "#ffffff"),
    "not_attained": ("#f0a35e", "#1f2933"),
    "not_evaluable": ("#dde3e9", "#1f2933"),
}
"""Fill and ink by outcome."""
_ROW_PX, _BAR_PX, _LABEL_PX, _WIDTH_PX, _HEAD_PX = 18, 15, 92, 560, 26

Line = Mapping[str, Any]
Counts = tuple[tuple[str, int, int, int], ...]
"""Per branch or KPI: its name, and how many are attained, missed and not evaluable."""


def outcome_metadata(
    lines: Iterable[Line], branches: Mapping[str, str], kpis: Mapping[str, str], *, with_chart: bool = False
) -> dict[str, dg.MarkdownMetadataValue]:
    """Return the newest fiscal year's outcomes by branch and by KPI as tables, and as a picture if asked for.

    ``lines`` have ``fiscal_year``, ``branch_code``, ``kpi_id`` and ``outcome``; ``branches`` and ``kpis`` name their ids, in
    the order in which they are shown. Nothing for no lines.
    """
    known = list(lines)
    if not known:
        return {}
    year = max(line["fiscal_year"] for line in known)
    newest = [line for line in known if line["fiscal_year"] == year]
    by_branch = _counted(newest, "branch_code", branches)
    by_kpi = _counted([line for line in newest if line["branch_code"] != NATION], "kpi_id", kpis)
    shown = {
        "outcomes_by_branch": _table(f"支部（{year}年度）", by_branch),
        "outcomes_by_kpi": _table(f"KPI（{year}年度、支部の数）", by_kpi),
    }
    if with_chart:
        picture = base64.b64encode(_chart(by_branch).encode()).decode()
        shown["outcomes_chart"] = dg.MetadataValue.md(
            f"![支部別の判定（KPIの数）](data:image/svg+xml;base64,{picture})"
        )
    return shown


def shown_names(catalogue: Catalogue) -> tuple[dict[str, str], dict[str, str]]:
    """Return the names of branches by code, the nation first, and those of KPIs by id, both as scorecards order them."""
    branches = sorted(catalogue.branches, key=lambda branch: branch.code)
    kpis = sorted(catalogue.kpis, key=lambda kpi: kpi.order)
    return {branch.code: branch.name for branch in branches}, {kpi.id: kpi.names.ja for kpi in kpis}


def series_metadata(points: Iterable[Line]) -> dict[str, dg.MarkdownMetadataValue]:
    """Return how many points the series have, by fiscal year."""
    known = list(points)
    rows = []
    for year in sorted({point["fiscal_year"] for point in known}):
        mine = [point for point in known if point["fiscal_year"] == year]
        counts = [len({point[name] for point in mine}) for name in ("branch_code", "kpi_id", "figure_as_of")]
        rows.append([year, *counts, len(mine)])
    header = ["年度", "支部（協会全体を含む）", "KPI", "月", "値"]
    return {"points_by_year": dg.MetadataValue.md(markdown_table(header, rows))} if rows else {}


def _counted(lines: Sequence[Line], column: str, names: Mapping[str, str]) -> Counts:
    counts = Counter((line[column], line["outcome"]) for line in lines)
    present = {line[column] for line in lines}
    ordered = [*(one for one in names if one in present), *sorted(present - names.keys())]
    return tuple((names.get(one, one), *(counts[one, outcome] for outcome in OUTCOME_WORDS)) for one in ordered)


def _table(what: str, counts: Counts) -> dg.MarkdownMetadataValue:
    return dg.MetadataValue.md(markdown_table([what, *OUTCOME_WORDS.values()], counts))


def _chart(counts: Counts) -> str:
    """Bars of outcomes per branch, with their numbers, as an SVG picture.

    Drawn here: Altair would take a second of every run to draw 48 bars, and a picture of ten times the size in Dagster's store
    of events.
    """
    widest = max(sum(numbers) for _, *numbers in counts)
    unit = (_WIDTH_PX - _LABEL_PX - 4) / widest
    height = _HEAD_PX + _ROW_PX * len(counts)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH_PX}" height="{height}" font-size="11" '
        f'font-family="sans-serif" fill="#1f2933"><rect width="100%" height="100%" fill="#ffffff"/>'
    ]
    for place, outcome in enumerate(OUTCOME_WORDS):
        left = _LABEL_PX + 110 * place
        parts.append(f'<rect x="{left}" y="6" width="12" height="12" fill="{_COLOURS[outcome][0]}"/>')
        parts.append(f'<text x="{left + 17}" y="16">{outcome_label(outcome)}</text>')
    for row, (name, *numbers) in enumerate(counts):
        x, y = float(_LABEL_PX), _HEAD_PX + _ROW_PX * row
        parts.append(f'<text x="{_LABEL_PX - 6}" y="{y + 12}" text-anchor="end">{escape(name)}</text>')
        for number, outcome in zip(numbers, OUTCOME_WORDS, strict=True):
            if number:
                fill, ink = _COLOURS[outcome]
                width = number * unit
                parts.append(f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_BAR_PX}" fill="{fill}"/>')
                parts.append(f'<text x="{x + 4:.1f}" y="{y + 12}" fill="{ink}">{number}</text>')
                x += width
    return "".join([*parts, "</svg>"])
