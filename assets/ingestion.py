"""Ingestion: one multi-asset per dataset contract, from landing to raw, quarantine and ledger.

What lives here: what Dagster shows of an ingestion and the checks on what was read. What does not: reading and writing
(``kenpo_pipelines.submissions``), rules (``expectations/*.yml``).
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.common import BACKFILL, MONTHS, check_spec, partition_result, preview
from assets.landing import landing_key
from assets.reference import LAYER as REFERENCE
from expectations.checks import ROWS_IN_SENTENCE, check_specs, run_checks
from expectations.markdown import markdown_table
from expectations.suite import Suite
from kenpo_pipelines.catalogue.model import NATION, Catalogue
from kenpo_pipelines.models import Relation
from kenpo_pipelines.submissions.contract import ColumnType, Contract
from kenpo_pipelines.submissions.ingest import (
    LEDGER,
    LEDGER_SCHEMA,
    QUARANTINE,
    QUARANTINE_SCHEMA,
    RAW,
    Ingested,
    ingest,
    raw_schema,
)
from resources.installation import Installation

ACCOUNTED_FOR = "rows_accounted_for"
REFUSED_FILES = "files_readable"
REJECTED_ROWS = "rows_readable"
_LAYERS = {
    RAW: ("Rows that were read, one Parquet file per submission, typed by the contract.", raw_schema),
    QUARANTINE: (
        "Rows that were not loaded: where they stand, the class of fault and what to do. Grain: one fault of one row. "
        "Values are never kept.",
        lambda contract: QUARANTINE_SCHEMA,
    ),
    LEDGER: (
        "Account of the submissions. Grain: one file, with rows read, loaded and rejected.",
        lambda contract: LEDGER_SCHEMA,
    ),
}


def ingestion_assets(contract: Contract, suite: Suite) -> dg.AssetsDefinition:
    """Return the multi-asset that ingests one dataset, with its checks."""
    dataset = contract.dataset
    keys = {layer: dg.AssetKey([layer, dataset.id]) for layer in _LAYERS}
    descriptions = {column.name: column.description for column in contract.stored_columns}
    reference_deps = [dg.AssetKey([REFERENCE, "kpis"])]
    specs = [
        dg.AssetSpec(
            key=keys[layer],
            deps=[landing_key(contract), *(reference_deps if layer == RAW else [])],
            group_name=layer,
            owners=[dataset.owner],
            kinds={"python", "parquet"},
            description=f"{dataset.name_ja}. {text}" + (f" Grain: {dataset.grain}." if layer == RAW else ""),
            metadata={
                "dagster/column_schema": _arrow_columns(schema_of(contract), descriptions),
                "dagster/column_lineage": _lineage(contract, schema_of(contract).names),
                "contract": f"expectations/{dataset.id}.yml",
            },
            partitions_def=MONTHS,
        )
        for layer, (text, schema_of) in _LAYERS.items()
    ]
    checks = [
        check_spec(
            ACCOUNTED_FOR,
            keys[LEDGER],
            "Rows in = rows loaded + rows rejected, for every file, counted in the lake",
            blocking=True,
        ),
        check_spec(REFUSED_FILES, keys[LEDGER], "Every submitted file could be read", blocking=False),
        check_spec(
            REJECTED_ROWS, keys[QUARANTINE], "Every row could be read; faulty ones are in quarantine", blocking=False
        ),
        *check_specs(keys[RAW], suite, partitions_def=MONTHS),
    ]

    @dg.multi_asset(name=f"ingest_{dataset.id}", specs=specs, check_specs=checks, backfill_policy=BACKFILL)
    def ingest_dataset(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> Iterator[Any]:
        month, lake, engine = context.partition_key, installation.lake, installation.engine
        done = ingest(lake, installation.landing, contract, installation.catalogue, month)
        shown = _ledger_metadata(done)
        for layer, key in keys.items():
            rows = {RAW: done.rows_in_lake, QUARANTINE: _quarantined(lake, dataset.id, month), LEDGER: len(done.ledger)}
            may_show = not (layer == RAW and contract.has_personal_columns)
            relation = Relation(layer, dataset.id)
            yield partition_result(
                key,
                rows=rows[layer],
                version=lake.version(layer, dataset.id, month),
                metadata=shown | ({"preview": preview(engine, relation, month)} if may_show else {}),
            )
        yield from _account_checks(keys, done, lake.read(QUARANTINE, dataset.id, month).to_pylist())
        with engine.connect() as connection:
            raw = engine.attach(connection, Relation(RAW, dataset.id), [month])
            kpis = engine.attach(connection, Relation(REFERENCE, "kpis"), [month])
            yield from run_checks(
                keys[RAW],
                connection,
                _with_kpi_columns(contract, raw, kpis),
                suite,
                submissions_received=len(done.ledger),
                # every row of every file may be in quarantine: that is told there, and must not stop the other datasets
                rows_expected=done.rows_in_lake > 0,
                branches=_branch_names(installation.catalogue),
            )

    return ingest_dataset


def _arrow_columns(schema: Any, descriptions: dict[str, str]) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(name=field.name, type=str(field.type), description=descriptions.get(field.name))
            for field in schema
        ]
    )


def _lineage(contract: Contract, names: list[str]) -> dg.TableColumnLineage:
    """Each column that was read comes from its header in the file; what reading adds (file, row, faults) from no column."""
    value = contract.column_of(ColumnType.KPI_VALUE)
    headers = {column.name: column.header for column in contract.columns}
    if value is not None:
        headers |= {f"{value.name}_word": value.header, "is_done": value.header}
    key = landing_key(contract)
    return dg.TableColumnLineage({name: [dg.TableColumnDep(key, headers[name])] for name in names if name in headers})


def _branch_names(catalogue: Catalogue) -> dict[str, str]:
    return {branch.code: branch.name for branch in catalogue.branches if branch.code != NATION}


def _with_kpi_columns(contract: Contract, raw: str, kpis: str) -> str:
    """Return the rows to judge; those about KPIs get the KPI's kind, precision and direction beside them."""
    if contract.column_of(ColumnType.KPI) is None:
        return raw
    return (
        f"(select raw_rows.*, kpis.kind as kpi_kind, kpis.precision as kpi_precision, kpis.direction as kpi_direction "
        f"from {raw} as raw_rows left join {kpis} as kpis using (fiscal_year, branch_code, kpi_id))"
    )


def _quarantined(lake: Any, dataset: str, month: str) -> int:
    return int(lake.read(QUARANTINE, dataset, month).num_rows)


def _ledger_metadata(done: Ingested) -> dict[str, Any]:
    header = ["known_month", "file", "status", "rows_read", "rows_loaded", "rows_rejected", "rows_merged", "origin"]
    return {
        "files": len(done.ledger),
        "files_refused": done.files_refused,
        "rows_read": done.total("rows_read"),
        "rows_loaded": done.total("rows_loaded"),
        "rows_rejected": done.total("rows_rejected"),
        "submissions": dg.MetadataValue.md(
            markdown_table(header, [[one[name] for name in header] for one in done.ledger])
        ),
    }


def _account_checks(
    keys: dict[str, dg.AssetKey], done: Ingested, faults: list[dict[str, Any]]
) -> Iterator[dg.AssetCheckResult]:
    counts = {name: done.total(name) for name in ("rows_read", "rows_loaded", "rows_rejected", "rows_merged")}
    yield dg.AssetCheckResult(
        asset_key=keys[LEDGER],
        check_name=ACCOUNTED_FOR,
        passed=done.is_accounted_for,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={**counts, "rows_in_lake": done.rows_in_lake},
    )
    refused = [one for one in done.ledger if one["status"] == "refused"]
    yield dg.AssetCheckResult(
        asset_key=keys[LEDGER],
        check_name=REFUSED_FILES,
        passed=not refused,
        severity=dg.AssetCheckSeverity.ERROR,
        description=" / ".join(f"{one['file']}: {one['detail']}" for one in refused) or None,
        metadata={"files": len(done.ledger), "files_refused": len(refused)},
    )
    header = ["file", "sheet", "row_number", "column_name", "branch_code", "kpi_id", "fault", "value_class", "advice"]
    yield dg.AssetCheckResult(
        asset_key=keys[QUARANTINE],
        check_name=REJECTED_ROWS,
        passed=not faults,
        severity=dg.AssetCheckSeverity.WARN if done.rows_in_lake else dg.AssetCheckSeverity.ERROR,
        description=_rejected_text(done, faults) if faults else None,
        metadata={
            "rows_rejected": done.total("rows_rejected"),
            "faults": dg.MetadataValue.md(
                markdown_table(header, [[one[name] for name in header] for one in faults[:100]])
            ),
        },
    )


def _rejected_text(done: Ingested, faults: list[dict[str, Any]]) -> str:
    counted = f"受け付けられない行 — {done.total('rows_rejected')} of {done.total('rows_read')} rows"
    shown = [
        " ".join(
            filter(
                None, [one["file"], one["sheet"], f"{one['row_number']}行目", one["column_name"], one["value_class"]]
            )
        )
        for one in faults[:ROWS_IN_SENTENCE]
    ]
    return " — ".join([counted, *shown])
