"""Ingestion: one multi-asset per dataset contract, from landing to raw, quarantine, ledger and findings.

What lives here: the assets and the order of a step. What does not: the account that it shows (``submission_account``), reading
and writing (``kenpo_pipelines.submissions``), rules (``expectations/*.yml``).
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.common import MONTHS, data_docs, is_forced, partition_result, preview, remember
from assets.faults import faults_told
from assets.landing import landing_key
from assets.reference import LAYER as REFERENCE
from assets.submission_account import account_checks, account_specs, ledger_metadata
from expectations.checks import check_results, check_specs, judge
from expectations.findings import findings_table
from expectations.suite import Suite
from kenpo_pipelines.catalogue.model import NATION, Catalogue
from kenpo_pipelines.models import Relation
from kenpo_pipelines.submissions.columns import MEMBER_KEY
from kenpo_pipelines.submissions.contract import ColumnType, Contract
from kenpo_pipelines.submissions.ingest import ingest, ingested
from kenpo_pipelines.submissions.partitions import (
    FINDINGS,
    FINDINGS_SCHEMA,
    LEDGER,
    LEDGER_SCHEMA,
    QUARANTINE,
    QUARANTINE_SCHEMA,
    RAW,
    raw_schema,
)
from kenpo_pipelines.submissions.quarantine import summarise
from resources.installation import Installation
from resources.steps import ingestion_code, ingestion_fingerprint

_LAYERS = {
    RAW: ("Rows that were read, one Parquet file per submission, typed by the contract.", raw_schema),
    QUARANTINE: (
        "Rows that were not loaded: where they stand, the class of fault and what to do. Grain: one fault of one row. "
        "Values are never kept.",
        lambda contract: QUARANTINE_SCHEMA,
    ),
    LEDGER: (
        "Account of the submissions. Grain: one file, with rows read, loaded and rejected, of record-level data by branch too.",
        lambda contract: LEDGER_SCHEMA,
    ),
    FINDINGS: (
        "What the rules found: how many rows fail which rule, by branch, KPI and file. Grain: known_month × rule × branch_code "
        "× kpi_id × fiscal_year × as_of × file.",
        lambda contract: FINDINGS_SCHEMA,
    ),
}


def ingestion_assets(contract: Contract, suite: Suite) -> dg.AssetsDefinition:
    """Return the multi-asset that ingests one dataset, with its checks."""
    dataset = contract.dataset
    keys = {layer: dg.AssetKey([layer, dataset.id]) for layer in _LAYERS}
    descriptions = {column.name: column.description for column in contract.stored_columns}
    is_about_kpis = contract.column_of(ColumnType.KPI) is not None
    reference_deps = [dg.AssetKey([REFERENCE, "kpis"])] if is_about_kpis else []
    specs = [
        dg.AssetSpec(
            key=keys[layer],
            deps=[landing_key(contract), *(reference_deps if layer in (RAW, FINDINGS) else [])],
            group_name=layer,
            owners=[dataset.owner],
            kinds={"python", "parquet", *(["duckdb"] if dataset.record_level else [])},
            description=f"{dataset.name_ja}. {text}" + (f" Grain: {dataset.grain}." if layer == RAW else ""),
            metadata={
                "dagster/column_schema": _arrow_columns(schema_of(contract), descriptions),
                "dagster/column_lineage": _lineage(contract, schema_of(contract).names),
                "contract": f"expectations/{dataset.id}.yml",
            },
            code_version=ingestion_code(),
            partitions_def=MONTHS,
        )
        for layer, (text, schema_of) in _LAYERS.items()
    ]
    checks = [
        *account_specs(keys),
        *check_specs(keys[RAW], suite, partitions_def=MONTHS),
    ]

    @dg.multi_asset(name=f"ingest_{dataset.id}", specs=specs, check_specs=checks)
    @faults_told
    def ingest_dataset(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> Iterator[Any]:
        month, lake, engine = context.partition_key, installation.lake, installation.engine
        installation.fetch_landed(month, contract)
        fingerprint = ingestion_fingerprint(installation, contract, month)
        current = all(lake.is_current(layer, dataset.id, month, fingerprint) for layer in _LAYERS)
        kept = current and not is_forced(context)
        if kept:
            done = ingested(lake, contract, month)
        else:
            done = ingest(
                lake,
                installation.landing,
                contract,
                installation.catalogue,
                month,
                key=installation.pseudonym_key,
                may_reuse=not is_forced(context),
                readers=installation.cores,
            )
        faults = summarise(lake, dataset.id, month)
        shown = ledger_metadata(done)
        results = list(account_checks(keys, done, faults, dataset.feeds))
        with engine.session() as session:
            judged = session.attach(Relation(RAW, dataset.id), [month])
            if is_about_kpis:
                judged = _with_kpi_columns(judged, session.attach(Relation(REFERENCE, "kpis"), [month]))
            outcomes, completeness = judge(
                session,
                judged,
                suite,
                submissions_received=len(done.ledger),
                # every row of every file may be in quarantine: that is told there, and must not stop the other datasets
                rows_expected=done.rows_in_lake > 0,
                branches=_branch_names(installation.catalogue),
            )
        results += check_results(keys[RAW], outcomes, completeness, data_docs(installation, month))
        if not kept:
            lake.write(FINDINGS, dataset.id, month, findings_table(outcomes, dataset.id, month))
        found = engine.rows(Relation(FINDINGS, dataset.id), month)
        rows = {RAW: done.rows_in_lake, QUARANTINE: faults.faults, LEDGER: len(done.ledger), FINDINGS: found}
        for layer, key in keys.items():
            relation = Relation(layer, dataset.id)
            # rows about persons are not shown; a ledger with branches is, in the account
            may_show = layer in (QUARANTINE, FINDINGS) or not (
                dataset.record_level if layer == LEDGER else contract.has_personal_columns
            )
            yield partition_result(
                key,
                rows=rows[layer],
                version=lake.version(layer, dataset.id, month),
                metadata=shown | ({"preview": preview(engine, relation, month)} if may_show else {}),
                kept=kept,
            )
        for layer in _LAYERS:
            version = lake.version(layer, dataset.id, month)
            relation = Relation(layer, dataset.id)
            remember(lake, relation, month, fingerprint, version=version, results=results, specs=checks)
        yield from results

    return ingest_dataset


def _arrow_columns(schema: Any, descriptions: dict[str, str]) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(name=field.name, type=str(field.type), description=descriptions.get(field.name))
            for field in schema
        ]
    )


def _lineage(contract: Contract, names: list[str]) -> dg.TableColumnLineage:
    """Each column that was read comes from its header in the file, the key of a person from those that identify one; what
    reading adds (file, row, faults) from no column."""
    headers = {column.name: [column.header] for column in contract.columns if not column.personal}
    value = contract.column_of(ColumnType.KPI_VALUE)
    if value is not None:
        headers |= {f"{value.name}_word": [value.header], "is_done": [value.header]}
    if contract.has_personal_columns:
        headers[MEMBER_KEY] = [column.header for column in contract.personal_columns]
    key = landing_key(contract)
    return dg.TableColumnLineage(
        {name: [dg.TableColumnDep(key, header) for header in headers[name]] for name in names if name in headers}
    )


def _branch_names(catalogue: Catalogue) -> dict[str, str]:
    return {branch.code: branch.name for branch in catalogue.branches if branch.code != NATION}


def _with_kpi_columns(raw: str, kpis: str) -> str:
    """Return the rows to judge with the kind, precision and direction of the KPI beside them."""
    return (
        f"(select raw_rows.*, kpis.kind as kpi_kind, kpis.precision as kpi_precision, kpis.direction as kpi_direction "
        f"from {raw} as raw_rows left join {kpis} as kpis on raw_rows.fiscal_year = kpis.fiscal_year "
        f"and raw_rows.branch_code = kpis.branch_code and raw_rows.kpi_id = kpis.kpi_id)"
    )
