"""What the serving database has published of a month: everything that its scorecards, pages and reports are written from.

What lives here: reading it once, the same as the public may see it, and the provenance of what is written from it. What does
not: files (``publication``), what is hidden from the public (``public_edition``).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from sqlalchemy import Engine

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.model import Catalogue
from kenpo_pipelines.disclosure.persons import load_persons
from kenpo_pipelines.scorecards import public_edition
from kenpo_pipelines.scorecards.insight import KpiInsight, insights
from kenpo_pipelines.scorecards.provenance import Origin, Provenance, SubmissionSource
from kenpo_pipelines.serving.queries import LedgerRow, ScorecardRow, ledger_rows, published_months, scorecard_rows
from kenpo_pipelines.serving.restatement_queries import Restatement, restatements
from kenpo_pipelines.serving.series import SeriesPoint, series_points


@dataclass(frozen=True)
class MonthFacts:
    """One published month. ``previous_rows`` are those of the month before, empty where it is not published."""

    month: str
    rows: Sequence[ScorecardRow]
    previous_rows: Sequence[ScorecardRow]
    series: Sequence[SeriesPoint]
    ledger: Sequence[LedgerRow]
    restated: Sequence[Restatement]
    by_branch: Mapping[str, Sequence[ScorecardRow]]
    insights_by_branch: Mapping[str, Sequence[KpiInsight]]
    provenance: Provenance


def read_month(engine: Engine, catalogue: Catalogue, month: str) -> MonthFacts:
    """Return what is published of the month, which must be published."""
    rows = scorecard_rows(engine, month)
    before = fiscal.add_months(month, -1)
    ledger = ledger_rows(engine)
    return _facts(
        catalogue,
        month,
        rows,
        scorecard_rows(engine, before) if before in published_months(engine) else [],
        series_points(engine, month),
        ledger,
        restatements(engine, up_to=month),
        _provenance(rows, ledger, month),
    )


def public_facts(facts: MonthFacts, catalogue: Catalogue) -> MonthFacts:
    """Return the month as the public edition tells it: small counts of persons hidden, no files, no internal notes."""
    persons = load_persons()
    shown = [*facts.rows, *facts.previous_rows]
    hidden = public_edition.hidden_in_public(shown, facts.series, persons, facts.previous_rows)
    provenance = public_edition.public_provenance(facts.provenance)
    return _facts(
        catalogue,
        facts.month,
        public_edition.public_rows(facts.rows, hidden, persons),
        public_edition.public_rows(facts.previous_rows, hidden, persons),
        public_edition.public_series(facts.series, hidden),
        (),
        public_edition.public_restatements(facts.restated, persons),
        replace(provenance, edition=f"公開版　{public_edition.FOOTNOTE}"),
    )


def _facts(
    catalogue: Catalogue,
    month: str,
    rows: Sequence[ScorecardRow],
    previous_rows: Sequence[ScorecardRow],
    series: Sequence[SeriesPoint],
    ledger: Sequence[LedgerRow],
    restated: Sequence[Restatement],
    provenance: Provenance,
) -> MonthFacts:
    by_branch: dict[str, list[ScorecardRow]] = defaultdict(list)
    for row in rows:
        by_branch[row.branch_code].append(row)
    found: dict[str, list[KpiInsight]] = defaultdict(list)
    for one in insights(rows, previous_rows, series, catalogue):
        found[one.row.branch_code].append(one)
    return MonthFacts(month, rows, previous_rows, series, ledger, restated, dict(by_branch), dict(found), provenance)


def _provenance(rows: Sequence[ScorecardRow], ledger: Iterable[LedgerRow], month: str) -> Provenance:
    newest = max(rows, key=lambda row: (row.published_at, row.run_id))
    return Provenance(
        as_of=month,
        publish_month=month,
        run_id=newest.run_id,
        written_at=newest.published_at,
        code_version=newest.code_version,
        submissions=tuple(_source(row) for row in ledger if len(row.known_month) == 4 or row.known_month <= month),
    )


def _source(row: LedgerRow) -> SubmissionSource:
    return SubmissionSource(
        dataset=row.dataset,
        known_month=row.known_month,
        file=row.file,
        file_sha256=row.file_sha256,
        received_at=row.received_at.isoformat(),
        origin=cast(Origin, row.origin),
        rows_read=row.rows_read,
        rows_loaded=row.rows_loaded,
        rows_rejected=row.rows_rejected,
        status="loaded" if row.status == "loaded" else "refused",
    )
