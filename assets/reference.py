"""Reference: the KPI catalogue, the calendar and the list of datasets as tables, as they stood when the month was run.

What lives here: one multi-asset that writes small partitions. What does not: their rows (``kenpo_pipelines.catalogue``).
"""

from collections.abc import Callable, Iterator

import dagster as dg
import pyarrow as pa

from assets.common import (
    MONTHS,
    OWNER_PLATFORM,
    column_schema,
    is_forced,
    key_of,
    partition_result,
    preview_of_table,
    remember,
)
from assets.faults import faults_told
from kenpo_pipelines.catalogue import reference as tables
from kenpo_pipelines.catalogue.business_calendar import calendar_table
from kenpo_pipelines.models import Source
from resources.installation import Installation
from resources.steps import REFERENCE, reference_code, reference_fingerprint

LAYER = REFERENCE
_TABLES: dict[str, Callable[[Installation], pa.Table]] = {
    "branches": lambda installation: tables.branches_table(installation.catalogue),
    "fiscal_years": lambda installation: tables.fiscal_years_table(installation.catalogue),
    "kpis": lambda installation: tables.kpis_table(installation.catalogue),
    "parameters": lambda installation: tables.parameters_table(installation.catalogue),
    "thresholds": lambda installation: tables.thresholds_table(installation.catalogue),
    "kpi_formulas": lambda installation: tables.kpi_formulas_table(installation.catalogue),
    "kpi_datasets": lambda installation: tables.kpi_datasets_table(installation.catalogue),
    "calendar": lambda installation: calendar_table(),
    "datasets": lambda installation: tables.datasets_table(
        (one.id, one.name_ja, one.hold_back_above_pct, one.record_level)
        for one in (contract.dataset for contract in installation.contracts.values())
    ),
}
_CATALOGUE = "the KPI catalogue (kenpo_pipelines/catalogue/)"
_WRITTEN_FROM = {"calendar": "kenpo_pipelines/fiscal.py", "datasets": "the contracts in expectations/"}


def reference_assets(sources: tuple[Source, ...]) -> dg.AssetsDefinition:
    """Return the multi-asset of the reference tables that the SQL models declare as sources."""
    by_key = {key_of(source.relation): source for source in sources if source.relation.layer == LAYER}
    specs = [
        dg.AssetSpec(
            key=key,
            group_name=LAYER,
            owners=[OWNER_PLATFORM],
            kinds={"yaml", "parquet"},
            description=f"{source.description} Written from {_WRITTEN_FROM.get(key.path[-1], _CATALOGUE)}.",
            code_version=reference_code(),
            metadata={"dagster/column_schema": column_schema(source.columns)},
            partitions_def=MONTHS,
        )
        for key, source in by_key.items()
    ]

    @dg.multi_asset(name="reference", specs=specs)
    @faults_told
    def reference(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> Iterator[dg.MaterializeResult[None]]:
        month, lake, engine = context.partition_key, installation.lake, installation.engine
        fingerprint = reference_fingerprint(installation, month)
        for key, source in by_key.items():
            relation = source.relation
            if not is_forced(context) and lake.is_current(relation.layer, relation.name, month, fingerprint):
                rows, version = engine.rows(relation, month), engine.version(relation, month)
                yield partition_result(key, rows=rows, version=version, metadata={}, kept=True)
                continue
            table = _TABLES[relation.name](installation)
            version = lake.write(relation.layer, relation.name, month, table)
            remember(lake, relation, month, fingerprint, version=version)
            metadata = {"preview": preview_of_table(table)}
            yield partition_result(key, rows=table.num_rows, version=version, metadata=metadata)

    return reference
