"""What the command line and the scorecards read from the serving database.

What lives here: queries and the shape of their rows. Each answer comes from one statement, so it never mixes the states
before and after a publication. What does not: presentation.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, Engine, ScalarSelect, Select, Table, func, or_, select

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.scorecard_line import ScorecardLine
from kenpo_pipelines.serving import schema
from kenpo_pipelines.serving.faults import translated
from kenpo_pipelines.serving.restatement_queries import restatement_state
from kenpo_pipelines.serving.schema import (
    branches,
    kpi_facts,
    kpi_series,
    kpi_targets,
    kpis,
    publications,
    submission_ledger,
)

_YEAR = 4
"""Length of a yearly folder's name."""


@dataclass(frozen=True)
class ScorecardRow(ScorecardLine):
    """A published line of a scorecard: what the mart held, whether the target was contradictory, and who published it."""

    is_contradictory: bool
    contradiction: str
    run_id: str
    published_at: dt.datetime
    code_version: str


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One submission file and what became of it; see ``schema.submission_ledger``."""

    dataset: str
    known_month: str
    file: str
    file_sha256: str
    received_at: dt.datetime
    origin: str
    status: str
    fault: str
    detail: str
    rows_read: int
    rows_loaded: int
    rows_rejected: int
    rows_merged: int
    notices: str
    run_id: str
    published_at: dt.datetime
    code_version: str
    branch_codes: str


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """One fault of one row in quarantine; see ``schema.rejected_rows``."""

    dataset: str
    known_month: str
    file: str
    file_sha256: str
    sheet: str
    row_number: int
    fault_number: int
    column_name: str
    branch_code: str | None
    kpi_id: str | None
    fault: str
    value_class: str
    advice: str
    run_id: str
    published_at: dt.datetime
    code_version: str


@dataclass(frozen=True, slots=True)
class Publication:
    """A published month and what it was made from; see ``schema.publications``."""

    month: str
    fingerprint: str
    run_id: str
    published_at: dt.datetime
    code_version: str


def publication(engine: Engine, month: str) -> Publication | None:
    """Return the publication of the month as it stands; None when it was never published."""
    query = select(publications).where(publications.c.month == month)
    found = _fetch(engine, query, "read the publications")
    return Publication(**found[0]) if found else None


def publication_state(engine: Engine, month: str) -> list[tuple[str, str, str, int]]:
    """Return what tells the state of everything that the month's scorecards show: equal ones stand for equal rows.

    By table, run and time how many rows are as that run wrote them: a row that changes is another run's. The scorecards
    show the month's facts, targets, series and progress, what of its facts and targets has changed since the month before,
    the ledger of all folders up to it, and the restatements of all months up to it.
    """
    of_month = {table: table.c.as_of == month for table in (kpi_series, *schema.PROGRESS)}
    both_months = [fiscal.add_months(month, -1), month]
    of_month |= {table: table.c.as_of.in_(both_months) for table in (kpi_facts, kpi_targets)}
    folder = submission_ledger.c.known_month
    up_to = {submission_ledger: or_(folder <= month, func.length(folder) == _YEAR)}
    state = []
    for table, rows in (of_month | up_to).items():
        query = select(table.c.run_id, table.c.published_at, func.count().label("rows")).where(rows)
        query = query.group_by(table.c.run_id, table.c.published_at)
        state += [
            (table.name, row["run_id"], row["published_at"].isoformat(), row["rows"])
            for row in _fetch(engine, query, "read the state of the publication")
        ]
    return sorted([*state, *restatement_state(engine, month)])


def scorecard_rows(
    engine: Engine,
    as_of: str | None = None,
    fiscal_year: int | None = None,
    branch: str | None = None,
    kpi: str | None = None,
) -> list[ScorecardRow]:
    """Return the scorecard of the newest published month ≤ ``as_of`` (None: the newest of all), in scorecard order.

    With ``fiscal_year`` it is the newest month that shows that year, without it all years of the month come, oldest
    first; within a year the nation comes first, then branches by code, KPIs by their order. ``branch`` is a code.
    An empty list means that nothing fitting is published.
    """
    labels = {"branch": branches.c.name, "kpi": kpis.c.name}
    columns: dict[str, ColumnElement[Any]] = {}
    for table in (kpis, kpi_targets, kpi_facts):  # the fact's own unit, precision and kind win over the definition's
        columns |= {column.name: column for column in table.columns}
    columns |= labels
    wanted = [columns[field.name].label(field.name) for field in fields(ScorecardRow)]
    query = (
        select(*wanted)
        .join_from(kpi_facts, kpi_targets)
        .join_from(kpi_facts, kpis)
        .join_from(kpi_facts, branches)
        .where(kpi_facts.c.as_of == _newest(as_of, fiscal_year))
        .order_by(kpi_facts.c.fiscal_year, kpi_facts.c.branch_code, kpis.c.kpi_order)
    )
    chosen = {kpi_facts.c.fiscal_year: fiscal_year, kpi_facts.c.branch_code: branch, kpi_facts.c.kpi_id: kpi}
    query = query.where(*(column == value for column, value in chosen.items() if value is not None))
    return [ScorecardRow(**row) for row in _fetch(engine, query, "read the scorecard")]


def published_months(engine: Engine) -> list[str]:
    """Return the months ('YYYY-MM') that have a published scorecard, ascending."""
    query = select(kpi_facts.c.as_of).distinct().order_by(kpi_facts.c.as_of)
    return [row["as_of"] for row in _fetch(engine, query, "read the published months")]


def newest_month(engine: Engine, as_of: str | None = None, fiscal_year: int | None = None) -> str | None:
    """Return the month whose rows :func:`scorecard_rows` gives for the same arguments; None when there is none."""
    query = select(_newest(as_of, fiscal_year).label("as_of"))
    found: str | None = _fetch(engine, query, "read the published months")[0]["as_of"]
    return found


def fiscal_years_of(engine: Engine, as_of: str | None = None) -> list[int]:
    """Return the fiscal years on the scorecard of the newest published month ≤ ``as_of``, ascending."""
    query = (
        select(kpi_facts.c.fiscal_year)
        .where(kpi_facts.c.as_of == _newest(as_of, None))
        .distinct()
        .order_by(kpi_facts.c.fiscal_year)
    )
    return [row["fiscal_year"] for row in _fetch(engine, query, "read the published fiscal years")]


def ledger_rows(engine: Engine, month: str | None = None) -> list[LedgerRow]:
    """Return the submission files of a landing month and of its fiscal year's yearly folder; None: of all folders.

    ``month`` may also be a yearly folder, 'YYYY'. Ordered by dataset, folder, file.
    """
    rows = [
        LedgerRow(**row) for row in _fetch(engine, _of_folders(submission_ledger, month), "read the submission ledger")
    ]
    # sorted here, because the order of text with Japanese in it differs between databases
    return sorted(rows, key=lambda row: (row.dataset, row.known_month, row.file, row.file_sha256))


def rejected_rows(engine: Engine, month: str | None = None) -> list[RejectedRow]:
    """Return the quarantine of the same folders as :func:`ledger_rows`, ordered by file and row."""
    rows = [
        RejectedRow(**row) for row in _fetch(engine, _of_folders(schema.rejected_rows, month), "read the rejected rows")
    ]
    return sorted(rows, key=_place)


def _place(row: RejectedRow) -> tuple[str, str, str, str, str, int, int]:
    file = (row.dataset, row.known_month, row.file, row.file_sha256)
    return (*file, row.sheet, row.row_number, row.fault_number)


def _of_folders(table: Table, month: str | None) -> Select[Any]:
    if month is None:
        return select(table)
    folders = [month, str(fiscal.fiscal_year_of(month))] if "-" in month else [month]
    return select(table).where(table.c.known_month.in_(folders))


def _newest(as_of: str | None, fiscal_year: int | None) -> ScalarSelect[Any]:
    query = select(func.max(kpi_facts.c.as_of))
    if as_of is not None:
        query = query.where(kpi_facts.c.as_of <= as_of)
    if fiscal_year is not None:
        query = query.where(kpi_facts.c.fiscal_year == fiscal_year)
    return query.scalar_subquery()


def _fetch(engine: Engine, query: Select[Any], doing: str) -> Sequence[Mapping[str, Any]]:
    with translated(engine, doing), engine.connect() as connection:
        return [{str(name): value for name, value in row.items()} for row in connection.execute(query).mappings()]
