"""What every asset of the project shares: partitions, keys, owners, and the metadata that the UI shows.

What lives here: Dagster's side of a dataset. What does not: any rule of the domain.
"""

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg
import pyarrow as pa

from expectations.checks import is_silence
from expectations.data_docs import DataDocs
from expectations.markdown import markdown_table
from kenpo_pipelines import fiscal
from kenpo_pipelines.lake import Lake
from kenpo_pipelines.models import Column, Model, ModelProject, Relation
from resources.engine import Engine
from resources.installation import Installation
from resources.steps import FORCE_TAG, RENEW_TARGETS_TAG

MONTHS = dg.MonthlyPartitionsDefinition(start_date=fiscal.FIRST_MONTH, fmt="%Y-%m", timezone="Asia/Tokyo", end_offset=1)
"""The only partition: the reporting month, key ``2024-03``, up to the running one, for which reports arrive already.

No asset has a backfill policy: Dagster then runs one month at a time, oldest first, each under its tag ``dagster/partition``.
"""

DATABASE_POOL = "database"
"""Pool of the steps that write to the serving database or read a month of it; its limit is in deploy/dagster.yaml."""

OWNER_PLATFORM = "team:data-platform"
PREVIEW_ROWS = 5


def key_of(relation: Relation) -> dg.AssetKey:
    """Return the asset key of a dataset of the lake: layer, name."""
    return dg.AssetKey([relation.layer, relation.name])


def history_of(relation: Relation) -> dg.AssetDep:
    """Return the dependency of what reads all months of a dataset up to its own.

    Dagster is told of the same month only. Told of them all it would split a backfill into runs by layer, and spread it over
    every later month.
    """
    return dg.AssetDep(key_of(relation), metadata={"months": "all up to the one run"})


def column_schema(columns: Iterable[Column]) -> dg.TableSchema:
    """Return the columns as Dagster shows them."""
    return dg.TableSchema(
        columns=[dg.TableColumn(name=one.name, type=one.data_type, description=one.description) for one in columns]
    )


def column_lineage(project: ModelProject, model: Model) -> dg.TableColumnLineage:
    """Return where each column of a model comes from, as sqlglot reads it from the SQL."""
    return dg.TableColumnLineage(
        {
            column: [
                dg.TableColumnDep(asset_key=key_of(relation), column_name=name) for relation, name in sorted(sources)
            ]
            for column, sources in project.column_lineage(model).items()
        }
    )


def preview(engine: Engine, relation: Relation, month: str) -> dg.MarkdownMetadataValue:
    """Return the first rows of a partition as a table. Only for datasets without personal columns."""
    header, rows = engine.preview(relation, month, PREVIEW_ROWS)
    return dg.MetadataValue.md(markdown_table(header, rows))


def preview_of_table(table: pa.Table) -> dg.MarkdownMetadataValue:
    """Return the first rows of what has just been written. Only for datasets without personal columns."""
    rows = [list(row.values()) for row in table.slice(0, PREVIEW_ROWS).to_pylist()]
    return dg.MetadataValue.md(markdown_table(table.column_names, rows))


def data_docs(installation: Installation, month: str) -> DataDocs:
    """Return where the pages of a month's checks are."""
    return DataDocs(installation.data_docs / month, month)


def check_spec(name: str, key: dg.AssetKey, description: str, *, blocking: bool) -> dg.AssetCheckSpec:
    """Return the spec of a check of our own, on the asset's months."""
    with warnings.catch_warnings():
        # a preview parameter, without which results are recorded outside of any partition
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.AssetCheckSpec(name, asset=key, description=description, blocking=blocking, partitions_def=MONTHS)


def partition_result(
    spec_key: dg.AssetKey, *, rows: int, version: str, metadata: Mapping[str, Any], kept: bool = False
) -> dg.MaterializeResult[Any]:
    """Return the materialization of one partition: row count, data version from its content, and what else to show.

    ``kept`` says that it was current, and that nothing was done.
    """
    return dg.MaterializeResult(
        asset_key=spec_key,
        metadata={"dagster/partition_row_count": rows, **metadata, **({"kept": True} if kept else {})},
        data_version=dg.DataVersion(version),
    )


def is_forced(context: dg.AssetExecutionContext) -> bool:
    """True when the run is to do its work whether it is needed or not."""
    return context.run.tags.get(FORCE_TAG) == "true"


def renews_targets(context: dg.AssetExecutionContext) -> bool:
    """True when the run is to judge by the targets that hold today, whatever was published."""
    return context.run.tags.get(RENEW_TARGETS_TAG) == "true"


def remember(
    lake: Lake,
    relation: Relation,
    month: str,
    fingerprint: str,
    *,
    version: str | None,
    results: Iterable[dg.AssetCheckResult] = (),
    specs: Iterable[dg.AssetCheckSpec] = (),
) -> None:
    """Note from what a partition was made, and which of its checks did not pass, so that later runs can tell it again.

    Where a blocking check failed nothing is noted: the step is done again, and blocks again, until it passes. ``results``
    and ``specs`` may be of other assets of the same step; a failure there blocks this one, too.
    """
    failed = [result for result in results if not result.passed]
    blocking = {(spec.asset_key, spec.name) for spec in specs if spec.blocking}
    is_error = {id(result): result.severity is dg.AssetCheckSeverity.ERROR for result in failed}
    if any(is_error[id(result)] and (result.asset_key, result.check_name) in blocking for result in failed):
        return
    own = [result for result in failed if result.asset_key == key_of(relation)]
    notes = [
        {
            "check": result.check_name,
            "is_error": is_error[id(result)],
            "description": result.description or "",
            "is_silence": is_silence(result.metadata),
        }
        for result in own
    ]
    lake.remember(relation.layer, relation.name, month, fingerprint, notes, version=version)
