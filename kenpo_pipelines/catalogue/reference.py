"""The catalogue as tables, for SQL models and the serving database: branches, fiscal years, KPIs in force, how KPIs are
computed from records, parameters, thresholds, datasets.

What lives here: flattening, nothing decided. The table of KPIs has one row per fiscal year and branch, so that SQL need not
know about scopes, national overrides and a branch's own precision. What does not: the table of days
(``business_calendar``).
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal

import pyarrow as pa

from kenpo_pipelines.catalogue.computation import ComputedFrom
from kenpo_pipelines.catalogue.model import Catalogue, Kpi, KpiVersion

BRANCHES = pa.schema([("branch_code", pa.string()), ("branch", pa.string()), ("branch_en", pa.string())])
FISCAL_YEARS = pa.schema([("fiscal_year", pa.int32()), ("fiscal_year_name", pa.string()), ("is_judged", pa.bool_())])
KPIS = pa.schema(
    [
        ("fiscal_year", pa.int32()),
        ("branch_code", pa.string()),
        ("kpi_id", pa.string()),
        ("kpi", pa.string()),
        ("kpi_order", pa.int32()),
        ("kpi_group", pa.string()),
        ("unit", pa.string()),
        ("precision", pa.int32()),
        ("direction", pa.string()),
        ("kind", pa.string()),
        ("accumulation", pa.string()),
    ]
)
PARAMETERS = pa.schema([("fiscal_year", pa.int32()), ("parameter", pa.string()), ("value", pa.string())])
THRESHOLDS = pa.schema([("threshold", pa.string()), ("since", pa.date32()), ("value", pa.decimal128(9, 4))])
KPI_FORMULAS = pa.schema(
    [
        ("fiscal_year", pa.int32()),
        ("kpi_id", pa.string()),
        ("numerator_measure", pa.string()),
        ("denominator_measure", pa.string()),
        ("numerator_window", pa.string()),
        ("denominator_window", pa.string()),
        ("lag_months", pa.int32()),
        ("is_national_only", pa.bool_()),
    ]
)
KPI_DATASETS = pa.schema([("fiscal_year", pa.int32()), ("kpi_id", pa.string()), ("dataset", pa.string())])
DATASETS = pa.schema(
    [
        ("dataset", pa.string()),
        ("dataset_name", pa.string()),
        ("hold_back_above_pct", pa.decimal128(9, 4)),
        ("is_record_level", pa.bool_()),
    ]
)


def branches_table(catalogue: Catalogue) -> pa.Table:
    """Grain: one branch, the nation (00) included."""
    rows = [{"branch_code": one.code, "branch": one.name, "branch_en": one.name_en} for one in catalogue.branches]
    return pa.Table.from_pylist(sorted(rows, key=lambda row: row["branch_code"]), schema=BRANCHES)


def fiscal_years_table(catalogue: Catalogue) -> pa.Table:
    """Grain: one fiscal year; ``is_judged`` is False for years that serve as a baseline only."""
    rows = [
        {"fiscal_year": one.fiscal_year, "fiscal_year_name": one.name, "is_judged": one.is_judged}
        for one in catalogue.fiscal_years
    ]
    return pa.Table.from_pylist(rows, schema=FISCAL_YEARS)


def kpis_table(catalogue: Catalogue) -> pa.Table:
    """Grain: fiscal_year × branch_code × kpi_id in force, for every judged fiscal year."""
    rows = []
    for year in catalogue.fiscal_years:
        if not year.is_judged:
            continue
        for branch in catalogue.branches:
            for kpi in catalogue.in_force(year.fiscal_year, branch.code):
                version = kpi.version(year.fiscal_year)
                assert version is not None
                rows.append(
                    {
                        "fiscal_year": year.fiscal_year,
                        "branch_code": branch.code,
                        "kpi_id": kpi.id,
                        "kpi": kpi.names.ja,
                        "kpi_order": kpi.order,
                        "kpi_group": kpi.group,
                        "unit": version.unit_for(branch.code),
                        "precision": version.precision_for(branch.code),
                        "direction": str(version.direction),
                        "kind": str(version.kind_for(branch.code)),
                        "accumulation": str(version.accumulation),
                    }
                )
    return pa.Table.from_pylist(rows, schema=KPIS)


def parameters_table(catalogue: Catalogue) -> pa.Table:
    """Grain: fiscal_year × parameter × value, for every known fiscal year; a list has several rows."""
    rows = [
        {"fiscal_year": year.fiscal_year, "parameter": str(one.parameter), "value": value}
        for year in catalogue.fiscal_years
        for one in catalogue.parameters
        if year.fiscal_year in one.fiscal_years
        for value in one.values
    ]
    return pa.Table.from_pylist(rows, schema=PARAMETERS)


def thresholds_table(catalogue: Catalogue) -> pa.Table:
    """Grain: threshold × since: each holds from its day on until the next of its name."""
    rows = [{"threshold": str(one.threshold), "since": one.since, "value": one.value} for one in catalogue.thresholds]
    return pa.Table.from_pylist(sorted(rows, key=lambda row: (row["threshold"], row["since"])), schema=THRESHOLDS)


def kpi_formulas_table(catalogue: Catalogue) -> pa.Table:
    """Grain: fiscal_year × kpi_id, for KPIs that are computed from records in that fiscal year."""
    rows = [
        {
            "fiscal_year": year,
            "kpi_id": kpi.id,
            "numerator_measure": computed.numerator.measure,
            "denominator_measure": computed.denominator.measure,
            "numerator_window": str(computed.numerator.window),
            "denominator_window": str(computed.denominator.window),
            "lag_months": computed.lag_months,
            "is_national_only": version.scope == "nation",
        }
        for year, kpi, version, computed in _computed(catalogue)
    ]
    return pa.Table.from_pylist(rows, schema=KPI_FORMULAS)


def kpi_datasets_table(catalogue: Catalogue) -> pa.Table:
    """Grain: fiscal_year × kpi_id × dataset, for KPIs that are computed from records in that fiscal year."""
    rows = [
        {"fiscal_year": year, "kpi_id": kpi.id, "dataset": dataset}
        for year, kpi, _, computed in _computed(catalogue)
        for dataset in computed.datasets
    ]
    return pa.Table.from_pylist(rows, schema=KPI_DATASETS)


def datasets_table(datasets: Iterable[tuple[str, str, Decimal | None, bool]]) -> pa.Table:
    """Grain: one dataset, given as (id, Japanese name, percentage above which a branch is held back, is record-level)."""
    rows = [dict(zip(DATASETS.names, dataset, strict=True)) for dataset in datasets]
    return pa.Table.from_pylist(sorted(rows, key=lambda row: str(row["dataset"])), schema=DATASETS)


def _computed(catalogue: Catalogue) -> Iterator[tuple[int, Kpi, KpiVersion, ComputedFrom]]:
    for year in catalogue.fiscal_years:
        for kpi in sorted(catalogue.kpis, key=lambda one: one.order):
            version = kpi.version(year.fiscal_year) if year.is_judged else None
            if version is not None and version.computed_from is not None:
                yield year.fiscal_year, kpi, version, version.computed_from
