"""Reference: the KPI catalogue as tables, as it stood when the month was run.

What lives here: one multi-asset that writes three small partitions.
"""

from collections.abc import Iterator

import dagster as dg

from assets.common import BACKFILL, MONTHS, OWNER_PLATFORM, column_schema, key_of, partition_result, preview
from kenpo_pipelines.catalogue.reference import branches_table, fiscal_years_table, kpis_table
from kenpo_pipelines.models import Source
from resources.installation import Installation

LAYER = "reference"
_TABLES = {"branches": branches_table, "fiscal_years": fiscal_years_table, "kpis": kpis_table}


def reference_assets(sources: tuple[Source, ...]) -> dg.AssetsDefinition:
    """Return the multi-asset of the reference tables that the SQL models declare as sources."""
    by_key = {key_of(source.relation): source for source in sources if source.relation.layer == LAYER}
    specs = [
        dg.AssetSpec(
            key=key,
            group_name=LAYER,
            owners=[OWNER_PLATFORM],
            kinds={"yaml", "parquet"},
            description=f"{source.description} Written from the KPI catalogue (kenpo_pipelines/catalogue/).",
            metadata={"dagster/column_schema": column_schema(source.columns)},
            partitions_def=MONTHS,
        )
        for key, source in by_key.items()
    ]

    @dg.multi_asset(name="reference", specs=specs, backfill_policy=BACKFILL)
    def reference(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> Iterator[dg.MaterializeResult[None]]:
        month, lake = context.partition_key, installation.lake
        for key, source in by_key.items():
            table = _TABLES[source.relation.name](installation.catalogue)
            version = lake.write(LAYER, source.relation.name, month, table)
            yield partition_result(
                key,
                rows=table.num_rows,
                version=version,
                metadata={"preview": preview(installation.engine, source.relation, month)},
            )

    return reference
