"""From what a month's run holds (catalogue, scorecard mart, ledger, quarantine) to rows of the serving tables.

What lives here: splitting and naming, nothing is computed. What does not: writing (``publish``).
Rows are dicts with exactly the columns of their table, without those of the publication.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

from sqlalchemy import Table

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.model import Catalogue, Kpi, KpiVersion
from kenpo_pipelines.catalogue.targets import Reason
from kenpo_pipelines.serving import schema

Row = dict[str, Any]

MOST_FAULTS_PER_FILE = 1000
"""Faults of one submission file that are published, those of its first rows; the ledger counts the rows of all."""

PUBLICATION_COLUMNS = ("run_id", "published_at", "code_version")
"""Written by the publisher, never part of a row's content."""


@runtime_checkable
class _ArrowTable(Protocol):
    def to_pylist(self) -> list[Row]: ...


@runtime_checkable
class _DataFrame(Protocol):
    def astype(self, dtype: type) -> Any: ...
    def notna(self) -> Any: ...


Rows = Sequence[Mapping[str, Any]] | _ArrowTable | _DataFrame
"""Rows as dicts, as a pyarrow Table or as a pandas DataFrame (its NaN, NaT and NA mean NULL)."""


def as_dicts(rows: Rows) -> list[Row]:
    """Return any of the accepted forms as a list of dicts."""
    if isinstance(rows, _ArrowTable):
        return rows.to_pylist()
    if isinstance(rows, _DataFrame):
        without_nan = rows.astype(object).where(rows.notna(), None)
        return list(without_nan.to_dict("records"))
    return [dict(row) for row in rows]


def serving_tables(
    catalogue: Catalogue,
    scorecard: Rows,
    ledger: Rows,
    quarantine: Rows,
    judgements: Rows = (),
    series: Rows = (),
    progress: Mapping[str, Rows] = MappingProxyType({}),
) -> dict[str, list[Row]]:
    """Return all tables of one month, ready for ``publish.publish_month``.

    ``scorecard`` is mart_scorecard of one as_of; ``ledger`` and ``quarantine`` are those of the landing folders that
    the run read, all datasets together; ``judgements`` are those that the scorecard shows, with the targets they used;
    ``series`` is mart_kpi_series of the same as_of, ``progress`` holds the marts of the progress report by serving table.
    """
    mart = as_dicts(scorecard)
    as_of = next((row["as_of"] for row in mart), "")
    return {
        **dimension_rows(catalogue),
        "kpi_targets": [_target_row(row) for row in mart],
        "kpi_facts": [_only(schema.kpi_facts, row) for row in mart],
        "kpi_series": [_only(schema.kpi_series, row) for row in as_dicts(series)],
        **{
            table.name: [_only(table, row) for row in as_dicts(progress.get(table.name, ()))]
            for table in schema.PROGRESS
        },
        "frozen_targets": [_frozen_row(row, as_of) for row in as_dicts(judgements) if row["target_used_since"]],
        "submission_ledger": [_only(schema.submission_ledger, row) for row in as_dicts(ledger)],
        "rejected_rows": rejected_rows(quarantine),
    }


def dimension_rows(catalogue: Catalogue) -> dict[str, list[Row]]:
    """Return branches, fiscal years and KPI definitions (KPI x known fiscal year, its baseline year included)."""
    years = [year.fiscal_year for year in catalogue.fiscal_years]
    return {
        "branches": [
            {"branch_code": branch.code, "name": branch.name, "name_en": branch.name_en}
            for branch in catalogue.branches
        ],
        "fiscal_years": [
            {
                "fiscal_year": year.fiscal_year,
                "name": year.name,
                "first_month": fiscal.first_month(year.fiscal_year),
                "last_month": fiscal.year_end(year.fiscal_year),
                "is_judged": year.is_judged,
            }
            for year in catalogue.fiscal_years
        ],
        "kpis": [row for kpi in catalogue.kpis for year in years if (row := _kpi_row(catalogue, kpi, year))],
    }


def rejected_rows(quarantine: Rows) -> list[Row]:
    """Return the quarantine with the faults of each row numbered, the same way however they are ordered; of each file at
    most :data:`MOST_FAULTS_PER_FILE`."""
    places = ("dataset", "known_month", "file", "file_sha256", "sheet", "row_number")
    contents = ("column_name", "fault", "branch_code", "kpi_id", "value_class", "advice")
    ordered = sorted(as_dicts(quarantine), key=lambda row: [_sortable(row[name]) for name in (*places, *contents)])
    of_file: Counter[tuple[Any, ...]] = Counter()
    of_row: Counter[tuple[Any, ...]] = Counter()
    numbered = []
    for row in ordered:
        file, place = tuple(row[name] for name in places[:4]), tuple(row[name] for name in places)
        of_file[file] += 1
        of_row[place] += 1
        if of_file[file] <= MOST_FAULTS_PER_FILE:
            numbered.append(_only(schema.rejected_rows, {**row, "fault_number": of_row[place]}))
    return numbered


def _sortable(value: Any) -> tuple[int, str]:
    return (value, "") if isinstance(value, int) else (0, value or "")


def content_columns(table: Table) -> list[str]:
    """Return the columns that a row must bring."""
    return [column.name for column in table.columns if column.name not in PUBLICATION_COLUMNS]


def _only(table: Table, row: Mapping[str, Any]) -> Row:
    # a column that the row lacks stays away here: the publisher refuses it by name, with the row's key
    return {name: row[name] for name in content_columns(table) if name in row}


def _frozen_row(judgement: Row, as_of: str) -> Row:
    names = {
        "is_fixed": "target_is_fixed",
        "rests_on_prior_year": "target_rests_on_prior_year",
        "used_since": "target_used_since",
    }
    row = {**judgement, "as_of": as_of, **{name: judgement[other] for name, other in names.items()}}
    return _only(schema.frozen_targets, row)


def _target_row(mart_row: Row) -> Row:
    is_contradictory = mart_row.get("reason") == Reason.CONTRADICTORY_TARGETS
    contradiction = mart_row.get("reason_text") if is_contradictory else ""
    row = {**mart_row, "is_contradictory": is_contradictory, "contradiction": contradiction}
    return _only(schema.kpi_targets, row)


def _kpi_row(catalogue: Catalogue, kpi: Kpi, fiscal_year: int) -> Row | None:
    is_baseline = catalogue.is_baseline_year(kpi.id, fiscal_year)
    version: KpiVersion | None = kpi.versions[0] if is_baseline else kpi.version(fiscal_year)
    if version is None:
        return None
    return {
        "kpi_id": kpi.id,
        "fiscal_year": fiscal_year,
        "kpi_order": kpi.order,
        "kpi_group": kpi.group,
        "name": kpi.names.ja,
        "name_en": kpi.names.en,
        "definition": version.definition,
        "numerator_definition": version.numerator or "",
        "denominator_definition": version.denominator or "",
        "kind": version.kind.value,
        "unit": version.unit,
        "precision": version.precision,
        "direction": version.direction.value,
        "accumulation": version.accumulation.value,
        "scope": version.scope,
        "target_rule": version.target.rule.value,
        "uniform_target": version.target.uniform_value(fiscal_year),
        "predecessor_id": kpi.predecessor.kpi if kpi.predecessor else "",
        "is_comparable": bool(kpi.predecessor and kpi.predecessor.comparable),
        "ended_in": version.ended_in,
        "is_judged": not is_baseline,
        "source": version.source,
    }
