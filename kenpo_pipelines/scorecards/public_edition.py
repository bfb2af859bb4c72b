"""The public edition: scorecard rows, series and provenance without small counts of persons and without what would tell them.

What lives here: taking out of a line whatever depends on a hidden figure (rate, outcome, rank, the target that is last year's
result), and texts that quote counts. What does not: deciding what is hidden (``kenpo_pipelines.disclosure``), layout.
Pages and workbooks show these rows as they show the internal ones; ``FOOTNOTE`` belongs below.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TypeVar

from kenpo_pipelines.catalogue.scorecard_line import ScorecardLine
from kenpo_pipelines.disclosure.figures import NATION, CountFigure, FigureKey, Hidden, hidden_figures
from kenpo_pipelines.disclosure.persons import Persons
from kenpo_pipelines.scorecards.provenance import Provenance
from kenpo_pipelines.serving.restatement_queries import Restatement
from kenpo_pipelines.serving.series import SeriesPoint

HIDDEN_MARK = "＊"
FOOTNOTE = (
    f"{HIDDEN_MARK}は、１から９までの人数、またはそれを計算で求められる値のため、公表していません"
    "（差し引きなどで分からないよう、他の値も伏せることがあります）。事業所数や事務処理の件数は公表しています。"
)
REASON = "hidden"
"""``reason`` of a line that the public edition does not judge."""
REASON_TEXT = f"人数が少ないため公表していません（{HIDDEN_MARK}）"
PRIOR_REASON_TEXT = f"前年度実績の人数が少ないため、目標と判定を公表していません（{HIDDEN_MARK}）"
NOTE = "値に注意があります"
"""Stands for notes that quote counts."""
_FINEST = 3
"""Decimals of a rate whose KPI has no row: the most that any is printed with, for they tell most about its numerator."""

Line = TypeVar("Line", bound=ScorecardLine)


def hidden_in_public(
    rows: Iterable[ScorecardLine],
    points: Iterable[SeriesPoint],
    persons: Persons,
    earlier: Iterable[ScorecardLine] = (),
) -> Hidden:
    """Return what a public edition of these rows and points hides.

    Give all branches with the nation, and everything that is published together: rows of several months, series. A
    figure that occurs in several is taken from the rows of the newest as_of. ``earlier`` are rows of editions that are
    out: figures that have changed by a few persons since are hidden, too.
    """
    figures: dict[FigureKey, CountFigure] = {}
    ordered = sorted(rows, key=lambda row: row.as_of, reverse=True)
    for row in ordered:
        if (figure := _of_row(row)) is not None:
            figures.setdefault(figure.key, figure)
    precisions = {row.kpi_id: (row.precision, row.kind) for row in reversed(ordered)}
    for point in points:
        precision, kind = precisions.get(point.kpi_id, (_FINEST, "rate"))
        key = FigureKey(point.fiscal_year, point.kpi_id, point.branch_code, point.figure_as_of)
        own = CountFigure(key, point.numerator, point.denominator, point.value, precision, kind != "count")
        known = figures.get(key)
        if known is None or (known.numerator is None and own.numerator is not None):
            figures[key] = own
    for row in ordered:
        # Last year's result stands on the row even where last year's row is not published.
        if row.prior_value is not None and row.prior_as_of is not None:
            key = _prior_key(row)
            figures.setdefault(key, CountFigure(key, None, None, row.prior_value, row.precision, row.kind != "count"))
    # Rows of older months among those given are out already, like those of earlier editions.
    former = [figure for row in (*ordered, *earlier) if (figure := _of_row(row)) is not None]
    changed = [one for one in former if one.key in figures and one.numerator != figures[one.key].numerator]
    return hidden_figures(figures.values(), persons, changed)


def public_rows(rows: Sequence[Line], hidden: Hidden, persons: Persons) -> list[Line]:
    """Return the rows as the public edition shows them, in their order.

    Of a hidden figure nothing remains but its month: value None with value_text ＊, no counts, outcome 判定不能 with the
    reason, no rank. Ranks are those among the branches that are shown. Flags (旗) are internal and dropped; notes that
    may quote counts are replaced by a sentence that quotes none.
    """
    ranks = _ranks(rows, hidden)
    return [_public(row, hidden, persons, ranks) for row in rows]


def public_series(points: Iterable[SeriesPoint], hidden: Hidden) -> list[SeriesPoint]:
    """Return the points that the public edition draws, in their order: hidden ones are lacking.

    What a month itself adds is shown only where the month before is shown, too: otherwise it would give that one away.
    """
    every = sorted(points, key=lambda one: (one.fiscal_year, one.kpi_id, one.branch_code, one.figure_as_of))
    hidden_before = {
        _point_key(point)
        for before, point in pairwise(every)
        if _point_key(before)[:3] == _point_key(point)[:3] and _point_key(before) in hidden.figures
    }
    return [
        dataclasses.replace(point, month_value=None, month_cases=None) if _point_key(point) in hidden_before else point
        for point in every
        if _point_key(point) not in hidden.figures
    ]


def public_restatements(restated: Iterable[Restatement], persons: Persons) -> list[Restatement]:
    """Return the restatements that the public edition tells.

    None of figures that count persons: their old and new counts would differ by a few of them.
    """
    return [one for one in restated if not persons.counts_persons(one.kpi_id)]


def public_provenance(provenance: Provenance) -> Provenance:
    """Return the provenance without the list of files, whose rows read and rejected are counts of persons, too."""
    loaded = [one.origin for one in provenance.submissions if one.status == "loaded"]
    origins = tuple(dict.fromkeys((*provenance.origins, *loaded)))
    return dataclasses.replace(provenance, submissions=(), origins=origins)


def _of_row(row: ScorecardLine) -> CountFigure | None:
    if row.figure_as_of is None or (row.value is None and row.numerator is None):
        return None
    key = FigureKey(row.fiscal_year, row.kpi_id, row.branch_code, row.figure_as_of)
    return CountFigure(key, row.numerator, row.denominator, row.value, row.precision, row.kind != "count")


def _prior_key(row: ScorecardLine) -> FigureKey:
    return FigureKey(row.fiscal_year - 1, row.kpi_id, row.branch_code, row.prior_as_of or "")


def _point_key(point: SeriesPoint) -> FigureKey:
    return FigureKey(point.fiscal_year, point.kpi_id, point.branch_code, point.figure_as_of)


def _is_hidden(row: ScorecardLine, hidden: Hidden) -> bool:
    own = FigureKey(row.fiscal_year, row.kpi_id, row.branch_code, row.figure_as_of or "")
    return own in hidden.figures


def _public(row: Line, hidden: Hidden, persons: Persons, ranks: dict[tuple[str, ...], tuple[int, int]]) -> Line:
    rank, ranked = ranks.get(_place(row), (None, None))
    changes: dict[str, object] = {"flags": "", "rank": rank, "ranked_branches": ranked}
    if persons.counts_persons(row.kpi_id) and row.notes.strip():
        changes["notes"] = NOTE
    is_own, is_prior = _is_hidden(row, hidden), _prior_key(row) in hidden.figures
    if is_prior:
        changes |= {"prior_value": None, "prior_value_text": HIDDEN_MARK}
        if row.target_source == "prior_year":
            changes |= {"target": None, "target_text": HIDDEN_MARK, **_unjudged(PRIOR_REASON_TEXT)}
    if is_own:
        changes |= {
            "value": None,
            "value_text": HIDDEN_MARK,
            "numerator": None,
            "denominator": None,
            "rank": None,
            "ranked_branches": None,
            "notes": "",
            **_unjudged(REASON_TEXT),
        }
    return dataclasses.replace(row, **changes)  # type: ignore[arg-type]  # the names are fields of every line


def _unjudged(text: str) -> dict[str, object]:
    return {
        "outcome": "not_evaluable",
        "reason": REASON,
        "reason_text": text,
        "ratio_to_target": None,
        "is_nearly_attained": None,
    }


def _place(row: ScorecardLine) -> tuple[str, ...]:
    return row.as_of, str(row.fiscal_year), row.kpi_id, row.figure_as_of or "", row.branch_code


def _ranks(rows: Iterable[ScorecardLine], hidden: Hidden) -> dict[tuple[str, ...], tuple[int, int]]:
    """Rank among the shown branches whose figure is of the same month, as the mart ranks; by place."""
    fields: dict[tuple[str, ...], list[ScorecardLine]] = defaultdict(list)
    for row in rows:
        if row.rank is not None and row.branch_code != NATION and not _is_hidden(row, hidden):
            fields[_place(row)[:-1]].append(row)
    ranks = {}
    for field in fields.values():
        values = [row.value for row in field if row.value is not None]
        for row in field:
            if row.value is not None:
                is_least = row.direction == "at_most"
                better = sum(value < row.value if is_least else value > row.value for value in values)
                ranks[_place(row)] = 1 + better, len(values)
    return ranks
