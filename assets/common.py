"""What every asset of the project shares: partitions, keys, owners, and the metadata that the UI shows.

What lives here: Dagster's side of a dataset. What does not: any rule of the domain.
"""

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg

from expectations.markdown import markdown_table
from kenpo_pipelines import fiscal
from kenpo_pipelines.models import Column, Model, ModelProject, Relation
from resources.engine import DuckDBEngine

MONTHS = dg.MonthlyPartitionsDefinition(start_date=fiscal.FIRST_MONTH, fmt="%Y-%m", timezone="Asia/Tokyo", end_offset=1)
"""The only partition: the reporting month, key ``2024-03``, up to the running one, for which reports arrive already."""

BACKFILL = dg.BackfillPolicy.multi_run(max_partitions_per_run=1)
"""One run per month: a run over a range would leave the months' checks without a partition."""

_A_CENTURY = 1200


def up_to_the_month() -> dg.TimeWindowPartitionMapping:
    """Return the mapping of models that read the history of another: every month up to and with the one run."""
    with warnings.catch_warnings():
        # beta in Dagster, and the only public way to say "all earlier months, as far as there are any"
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.TimeWindowPartitionMapping(start_offset=-_A_CENTURY, allow_nonexistent_upstream_partitions=True)


OWNER_PLATFORM = "team:data-platform"
PREVIEW_ROWS = 5


def key_of(relation: Relation) -> dg.AssetKey:
    """Return the asset key of a dataset of the lake: layer, name."""
    return dg.AssetKey([relation.layer, relation.name])


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


def preview(engine: DuckDBEngine, relation: Relation, month: str) -> dg.MarkdownMetadataValue:
    """Return the first rows of a partition as a table. Only for datasets without personal columns."""
    header, rows = engine.preview(relation, month, PREVIEW_ROWS)
    return dg.MetadataValue.md(markdown_table(header, rows))


def check_spec(name: str, key: dg.AssetKey, description: str, *, blocking: bool) -> dg.AssetCheckSpec:
    """Return the spec of a check of our own, on the asset's months."""
    with warnings.catch_warnings():
        # a preview parameter, without which results are recorded outside of any partition
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.AssetCheckSpec(name, asset=key, description=description, blocking=blocking, partitions_def=MONTHS)


def partition_result(
    spec_key: dg.AssetKey, *, rows: int, version: str, metadata: Mapping[str, Any]
) -> dg.MaterializeResult[Any]:
    """Return the materialization of one partition: row count, data version from its content, and what else to show."""
    return dg.MaterializeResult(
        asset_key=spec_key,
        metadata={"dagster/partition_row_count": rows, **metadata},
        data_version=dg.DataVersion(version),
    )
