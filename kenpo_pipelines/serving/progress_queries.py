"""What the progress report (事業実施状況) reads from the serving database.

What lives here: queries and the shape of their rows. What does not: sums, marks and words (``scorecards.progress``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, Literal, TypeVar

from sqlalchemy import Engine, Table, select

from kenpo_pipelines.serving.faults import translated
from kenpo_pipelines.serving.schema import activity_counts, initiatives, progress_marks

Status = Literal["未着手", "調達中", "契約済み", "―", ""]
Basis = Literal["cumulative", "month", "level", "unstated"]
Mark = Literal["○", "△", "×", "―"]


@dataclass(frozen=True, slots=True)
class InitiativeRow:
    """One line of a branch's newest report (or plan) as known by ``as_of``; see ``schema.initiatives``.

    Amounts are in yen, None where none is told. ``figure_as_of`` is None for a plan. ``is_sum`` lines are printed sums of
    others and are never added up.
    """

    as_of: str
    fiscal_year: int
    branch_code: str
    area: str
    initiative: str
    line_order: int
    is_sum: bool
    figure_as_of: str | None
    budget_yen: Decimal | None
    executed_yen: Decimal | None
    status: Status
    prior_budget_yen: Decimal | None
    source_document: str


@dataclass(frozen=True, slots=True)
class ActivityRow:
    """One count of one month as known by ``as_of``; see ``schema.activity_counts``."""

    as_of: str
    fiscal_year: int
    branch_code: str
    area: str
    item: str
    figure_as_of: str
    line_order: int
    item_count: Decimal | None
    unit: str
    basis: Basis
    printed: str
    source_document: str


@dataclass(frozen=True, slots=True)
class MarkRow:
    """One mark that people gave for the report of ``marked_as_of``; see ``schema.progress_marks``."""

    as_of: str
    fiscal_year: int
    branch_code: str
    area: str
    subject: str
    marked_as_of: str
    mark: Mark
    author: str
    reason: str


_Row = TypeVar("_Row", InitiativeRow, ActivityRow, MarkRow)


def initiative_rows(engine: Engine, as_of: str) -> list[InitiativeRow]:
    """Return the initiatives of all branches as published for the month, by branch and in the order of their reports."""
    rows = _rows(engine, initiatives, InitiativeRow, as_of)
    return sorted(rows, key=lambda row: (row.branch_code, row.line_order))


def activity_rows(engine: Engine, as_of: str) -> list[ActivityRow]:
    """Return the activities' counts of all branches as published for the month, by branch and in the order of their reports."""
    rows = _rows(engine, activity_counts, ActivityRow, as_of)
    return sorted(rows, key=lambda row: (row.branch_code, row.line_order))


def mark_rows(engine: Engine, as_of: str) -> list[MarkRow]:
    """Return the marks of all branches as published for the month, also those of earlier reports of the fiscal year."""
    rows = _rows(engine, progress_marks, MarkRow, as_of)
    # sorted here, because the order of text with Japanese in it differs between databases
    return sorted(rows, key=lambda row: (row.branch_code, row.marked_as_of, row.area, row.subject))


def _rows(engine: Engine, table: Table, kind: type[_Row], as_of: str) -> list[_Row]:
    columns = [table.c[field.name] for field in fields(kind)]
    query = select(*columns).where(table.c.as_of == as_of)
    with translated(engine, f"read the table {table.name}"), engine.connect() as connection:
        found: Sequence[Mapping[Any, Any]] = connection.execute(query).mappings().all()
    return [kind(**{str(name): value for name, value in row.items()}) for row in found]
