"""Restatements as the command line and the scorecards read them.

What lives here: queries and the shape of their rows. What does not: what a restatement is (``restatements``), presentation.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Engine, Executable, func, select

from kenpo_pipelines.serving.faults import translated
from kenpo_pipelines.serving.schema import branches, kpi_restatements, kpis, restatement_files

Outcome = Literal["attained", "not_attained", "not_evaluable", ""]
"""'' where the scorecard had no such line."""


@dataclass(frozen=True, slots=True)
class RestatementFile:
    """A submission that may have caused a restatement; ``change`` is appeared, removed or reread."""

    dataset: str
    known_month: str
    file: str
    file_sha256: str
    change: str


@dataclass(frozen=True, slots=True)
class Restatement:
    """One change of a published line; see ``schema.kpi_restatements``. Figures are exact decimals in the KPI's own unit."""

    restatement_id: int
    as_of: str
    fiscal_year: int
    branch_code: str
    branch: str
    kpi_id: str
    kpi: str
    kpi_order: int
    old_value: Decimal | None
    old_value_text: str
    old_numerator: Decimal | None
    old_denominator: Decimal | None
    old_figure_as_of: str | None
    old_target_text: str
    old_outcome: Outcome
    new_value: Decimal | None
    new_value_text: str
    new_numerator: Decimal | None
    new_denominator: Decimal | None
    new_figure_as_of: str | None
    new_target_text: str
    new_outcome: Outcome
    causes: str
    cause_text: str
    old_code_version: str
    new_code_version: str
    old_run_id: str
    new_run_id: str
    old_published_at: dt.datetime
    restated_at: dt.datetime
    files: tuple[RestatementFile, ...] = ()


def restatements(
    engine: Engine,
    *,
    up_to: str | None = None,
    as_of: str | None = None,
    fiscal_year: int | None = None,
    branch: str | None = None,
    kpi: str | None = None,
) -> list[Restatement]:
    """Return the restatements, newest first: of scorecards up to a month or of one month; ``branch`` is a code.

    Those of one publication come by as_of, fiscal year (newest first), branch and KPI order.
    """
    conditions = [
        column == value
        for column, value in (
            (kpi_restatements.c.as_of, as_of),
            (kpi_restatements.c.fiscal_year, fiscal_year),
            (kpi_restatements.c.branch_code, branch),
            (kpi_restatements.c.kpi_id, kpi),
        )
        if value is not None
    ]
    if up_to is not None:
        conditions.append(kpi_restatements.c.as_of <= up_to)
    lines = (
        select(kpi_restatements, branches.c.name.label("branch"), kpis.c.name.label("kpi"), kpis.c.kpi_order)
        .join_from(kpi_restatements, branches)
        .join_from(kpi_restatements, kpis)
        .where(*conditions)
    )
    files = select(restatement_files).join_from(restatement_files, kpi_restatements).where(*conditions)
    # the second statement may see a later state than the first: lines and their files are added together, and stay
    found = _fetch(engine, lines)
    by_line: dict[int, list[RestatementFile]] = defaultdict(list)
    for row in _fetch(engine, files):
        by_line[row.pop("restatement_id")].append(RestatementFile(**row))
    rows = [Restatement(**row, files=tuple(sorted(by_line[row["restatement_id"]], key=_place))) for row in found]
    return sorted(rows, key=_newest_first)


def restatement_state(engine: Engine, month: str) -> list[tuple[str, str, str, int]]:
    """Return what tells the restatements that the month's scorecards show: equal ones stand for equal rows."""
    number = kpi_restatements.c.restatement_id
    query = select(func.max(number).label("newest"), func.count(number).label("rows"))
    (row,) = _fetch(engine, query.where(kpi_restatements.c.as_of <= month))
    return [(kpi_restatements.name, str(row["newest"] or 0), "", row["rows"])]


def _newest_first(one: Restatement) -> tuple[Any, ...]:
    moment = -one.restated_at.timestamp()
    return moment, one.new_run_id, one.as_of, -one.fiscal_year, one.branch_code, one.kpi_order, -one.restatement_id


def _place(file: RestatementFile) -> tuple[str, str, str, str]:
    return file.dataset, file.known_month, file.file, file.file_sha256


def _fetch(engine: Engine, query: Executable) -> list[dict[str, Any]]:
    with translated(engine, "read the restatements"), engine.connect() as connection:
        return [_named(row) for row in connection.execute(query).mappings()]


def _named(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in row.items()}
