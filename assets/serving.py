"""Publishing: one month into the serving database, in one transaction.

What lives here: which partitions are published. What does not: how (``kenpo_pipelines.serving``).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from sqlalchemy import Table

from assets.common import DATABASE_POOL, MONTHS, OWNER_PLATFORM, PREVIEW_ROWS, is_forced, key_of
from assets.faults import faults_told
from assets.outcome_summary import outcome_metadata, series_metadata, shown_names
from expectations.markdown import markdown_table
from kenpo_pipelines.models import ModelProject
from kenpo_pipelines.serving import schema
from kenpo_pipelines.serving.faults import patient
from kenpo_pipelines.serving.publish import PUBLISHED_TABLES, PublishSummary, publish_month
from kenpo_pipelines.serving.queries import publication
from kenpo_pipelines.serving.restatements import feeds_of
from kenpo_pipelines.serving.rows import MOST_FAULTS_PER_FILE, serving_tables
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.landing import yearly_folders
from kenpo_pipelines.submissions.partitions import LEDGER, LEDGER_SCHEMA, QUARANTINE, QUARANTINE_SCHEMA
from kenpo_pipelines.submissions.quarantine import first_faults
from resources.installation import Installation
from resources.month_lock import require_month
from resources.steps import (
    JUDGEMENTS,
    MART,
    PROGRESS,
    REFERENCE,
    SERIES,
    SERVING,
    publication_code,
    publication_fingerprint,
)

GROUP = SERVING
_MART = key_of(MART)

_OTHER_NAMES = {
    "kpi_targets": {"is_contradictory": "reason", "contradiction": "reason_text"},
    "branches": {"name": "branch", "name_en": "branch_en"},
    "fiscal_years": {"name": "fiscal_year_name", "first_month": "fiscal_year", "last_month": "fiscal_year"},
    "kpis": {"name": "kpi"},
    "frozen_targets": {
        "is_fixed": "target_is_fixed",
        "rests_on_prior_year": "target_rests_on_prior_year",
        "used_since": "target_used_since",
    },
}
"""Columns of serving tables that have another name upstream."""


def serving_assets(contracts: Mapping[str, Contract], project: ModelProject) -> dg.AssetsDefinition:
    """Return the multi-asset of the serving database's tables."""
    upstream = [(one.relation, one.columns) for one in project.models]
    upstream += [(one.relation, one.columns) for one in project.sources]
    upstream_columns = {key_of(relation): {column.name for column in columns} for relation, columns in upstream}
    for dataset in contracts:
        upstream_columns[dg.AssetKey([LEDGER, dataset])] = set(LEDGER_SCHEMA.names)
        upstream_columns[dg.AssetKey([QUARANTINE, dataset])] = set(QUARANTINE_SCHEMA.names)
    submission_keys = [dg.AssetKey([layer, dataset]) for dataset in contracts for layer in (LEDGER, QUARANTINE)]
    sources = {
        **{table.name: [_MART] for table in schema.MONTHLY},
        schema.kpi_series.name: [key_of(SERIES)],
        **{table: [key_of(relation)] for table, relation in PROGRESS.items()},
        **{table.name: [key_of(JUDGEMENTS)] for table in schema.KEPT},
        **{table.name: [dg.AssetKey([REFERENCE, table.name])] for table in schema.DIMENSIONS},
        **{table.name: submission_keys for table in schema.FOLDERS},
    }
    specs = [
        dg.AssetSpec(
            key=dg.AssetKey([GROUP, table.name]),
            deps=sources[table.name],
            group_name=GROUP,
            owners=[OWNER_PLATFORM],
            kinds={"sqlalchemy", "table"},
            description=f"{table.comment} Published with all others of the month in one transaction.",
            metadata={
                "dagster/column_schema": dg.TableSchema(
                    columns=[
                        dg.TableColumn(name=column.name, type=str(column.type), description=column.comment)
                        for column in table.columns
                    ]
                ),
                "dagster/column_lineage": _lineage(table, sources[table.name], upstream_columns),
            },
            code_version=publication_code(),
            partitions_def=MONTHS,
        )
        for table in PUBLISHED_TABLES
    ]

    @dg.multi_asset(name="publish", specs=specs, pool=DATABASE_POOL)
    @faults_told
    def publish(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        month, lake = context.partition_key, installation.lake
        fingerprint = publication_fingerprint(installation, month)
        published = publication(installation.database(), month)
        if not is_forced(context) and published is not None and published.fingerprint == fingerprint:
            for table in PUBLISHED_TABLES:
                yield dg.MaterializeResult(asset_key=dg.AssetKey([GROUP, table.name]), metadata={"kept": True})
            return
        rows: dict[str, list[dict[str, Any]]] = {
            LEDGER: [row for dataset in contracts for row in lake.read(LEDGER, dataset, month).to_pylist()],
            QUARANTINE: [
                row
                for dataset in contracts
                for row in first_faults(lake, dataset, month, MOST_FAULTS_PER_FILE).to_pylist()
            ],
        }
        tables = serving_tables(
            installation.catalogue,
            lake.read(MART.layer, MART.name, month),
            rows[LEDGER],
            rows[QUARANTINE],
            lake.read(JUDGEMENTS.layer, JUDGEMENTS.name, month),
            lake.read(SERIES.layer, SERIES.name, month),
            {table: lake.read(relation.layer, relation.name, month) for table, relation in PROGRESS.items()},
        )
        folders = [folder for contract in contracts.values() for folder in _yearly_folders(installation, contract)]
        require_month(installation, month)
        summary = patient(publish_month)(
            installation.database(),
            month,
            tables,
            run_id=context.run_id,
            folders=folders,
            feeds=feeds_of(installation.catalogue),
            code_version=installation.code_version,
            fingerprint=fingerprint,
        )
        summaries = {
            schema.kpi_facts.name: outcome_metadata(
                tables["kpi_facts"], *shown_names(installation.catalogue), with_chart=True
            ),
            schema.kpi_series.name: series_metadata(tables["kpi_series"]),
        }
        for table in PUBLISHED_TABLES:
            change = summary.tables[table.name]
            yield dg.MaterializeResult(
                asset_key=dg.AssetKey([GROUP, table.name]),
                metadata={
                    "dagster/partition_row_count": change.inserted + change.updated + change.unchanged,
                    "inserted": change.inserted,
                    "updated": change.updated,
                    "deleted": change.deleted,
                    "unchanged": change.unchanged,
                    "restatements": summary.restatements,
                    **summaries.get(table.name, {}),
                    "preview": _preview(tables[table.name]),
                    "all_tables": dg.MetadataValue.md(_summary_table(summary)),
                },
            )

    return publish


def _lineage(
    table: Table, sources: list[dg.AssetKey], upstream_columns: Mapping[dg.AssetKey, set[str]]
) -> dg.TableColumnLineage:
    """Columns are published as they are: each comes from the upstream column of its name, or of its other name."""
    renamed = _OTHER_NAMES.get(table.name, {})
    deps = {
        column.name: [
            dg.TableColumnDep(key, renamed.get(column.name, column.name))
            for key in sources
            if renamed.get(column.name, column.name) in upstream_columns[key]
        ]
        for column in table.columns
    }
    return dg.TableColumnLineage({name: found for name, found in deps.items() if found})


def _preview(rows: list[dict[str, Any]]) -> dg.MarkdownMetadataValue:
    shown = rows[:PREVIEW_ROWS]
    header = list(shown[0]) if shown else []
    return dg.MetadataValue.md(markdown_table(header, [[row[name] for name in header] for row in shown]))


def _yearly_folders(installation: Installation, contract: Contract) -> list[tuple[str, str]]:
    """The folders of a yearly dataset: every run reads them all, so one that became empty loses its ledger entries."""
    if contract.dataset.folder == "month":
        return []
    return [(contract.dataset.id, folder) for folder in yearly_folders(installation.landing, contract)]


def _summary_table(summary: PublishSummary) -> str:
    rows = [[name, one.inserted, one.updated, one.deleted, one.unchanged] for name, one in summary.tables.items()]
    return markdown_table(["table", "inserted", "updated", "deleted", "unchanged"], rows)
