"""The catalogue as tables, for SQL models and the serving database: branches, fiscal years, KPIs in force.

What lives here: flattening, nothing decided. The table of KPIs has one row per fiscal year and branch, so that SQL need not
know about scopes, national overrides and a branch's own precision.
"""

import pyarrow as pa

from kenpo_pipelines.catalogue.model import Catalogue

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
                    }
                )
    return pa.Table.from_pylist(rows, schema=KPIS)
