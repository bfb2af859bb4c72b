"""Reference partitions of a lake for one month, from the catalogue and the contracts, as the pipeline writes them.

What lives here: writing them without Dagster. What does not: their rows (``kenpo_pipelines.catalogue``).
"""

from collections.abc import Collection, Iterable

import pyarrow as pa

from kenpo_pipelines.catalogue import reference
from kenpo_pipelines.catalogue.business_calendar import calendar_table
from kenpo_pipelines.catalogue.model import Catalogue
from kenpo_pipelines.lake import Lake
from kenpo_pipelines.submissions.contract import Contract


def reference_tables(
    catalogue: Catalogue, contracts: Iterable[Contract], only_branches: Collection[str] | None = None
) -> dict[str, pa.Table]:
    """Return every reference table by name; ``only_branches`` makes the insurer as small as a test wants it."""
    datasets = [contract.dataset for contract in contracts]
    tables = {
        "branches": reference.branches_table(catalogue),
        "fiscal_years": reference.fiscal_years_table(catalogue),
        "kpis": reference.kpis_table(catalogue),
        "parameters": reference.parameters_table(catalogue),
        "thresholds": reference.thresholds_table(catalogue),
        "kpi_formulas": reference.kpi_formulas_table(catalogue),
        "kpi_datasets": reference.kpi_datasets_table(catalogue),
        "calendar": calendar_table(),
        "datasets": reference.datasets_table(
            (one.id, one.name_ja, one.hold_back_above_pct, one.record_level) for one in datasets
        ),
    }
    if only_branches is not None:
        for name in ("branches", "kpis"):
            kept = [row for row in tables[name].to_pylist() if row["branch_code"] in {"00", *only_branches}]
            tables[name] = pa.Table.from_pylist(kept, schema=tables[name].schema)
    return tables


def write_reference(lake: Lake, month: str, tables: dict[str, pa.Table]) -> None:
    """Write the month's partitions."""
    for name, table in tables.items():
        lake.write("reference", name, month, table)
