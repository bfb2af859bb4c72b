"""From catalogue, scorecard, ledger and quarantine to the rows of the serving tables."""

import random
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from kenpo_pipelines.catalogue.model import Branch, Catalogue, FiscalYear, Kpi
from kenpo_pipelines.serving import schema
from kenpo_pipelines.serving.rows import (
    PUBLICATION_COLUMNS,
    as_dicts,
    dimension_rows,
    rejected_rows,
    serving_tables,
)


def _version(years: str, **more: Any) -> dict[str, Any]:
    return {
        "fiscal_years": years,
        "definition": f"definition of {years}",
        "kind": "count",
        "unit": "件",
        "precision": 0,
        "direction": "at_least",
        "accumulation": "cumulative",
        "target": {"rule": "uniform", "values": {int(years[:4]): "15"}},
        "reporting_lag_months": [0, 1],
        "source": "plan",
        **more,
    }


@pytest.fixture
def catalogue() -> Catalogue:
    kpi = {
        "id": "website_visits",
        "order": 3,
        "group": "戦略的保険者機能",
        "names": {"ja": "アクセス数", "en": "Visits"},
        "versions": [_version("2023"), _version("2024-", ended_in="2025-11")],
    }
    return Catalogue(
        kpis=(Kpi.model_validate(kpi),),
        branches=(Branch(code="00", name="協会全体", name_en="Nation"),),
        fiscal_years=tuple(
            FiscalYear(fiscal_year=year, name=f"{year}", is_judged=year > 2022)
            for year in (2021, 2022, 2023, 2024, 2025)
        ),
    )


def test_a_kpi_has_a_row_per_fiscal_year_and_one_for_its_baseline(catalogue: Catalogue) -> None:
    rows = dimension_rows(catalogue)["kpis"]
    assert [(row["fiscal_year"], row["is_judged"], row["definition"]) for row in rows] == [
        (2022, False, "definition of 2023"),
        (2023, True, "definition of 2023"),
        (2024, True, "definition of 2024-"),
        (2025, True, "definition of 2024-"),
    ]
    assert [row["uniform_target"] for row in rows] == [None, Decimal(15), Decimal(15), Decimal(15)]
    assert [row["ended_in"] for row in rows] == [None, None, "2025-11", "2025-11"]


def test_fiscal_years_carry_their_months(catalogue: Catalogue) -> None:
    assert dimension_rows(catalogue)["fiscal_years"][-1] == {
        "fiscal_year": 2025,
        "name": "2025",
        "first_month": "2025-04",
        "last_month": "2026-03",
        "is_judged": True,
    }


def _fault(row_number: int, column: str, fault: str, kpi_id: str | None = None) -> dict[str, Any]:
    return {
        "dataset": "kpi_results",
        "known_month": "2025-06",
        "branch_code": None,
        "file": "a.csv",
        "file_sha256": "a" * 64,
        "sheet": "",
        "row_number": row_number,
        "column_name": column,
        "kpi_id": kpi_id,
        "fault": fault,
        "value_class": "文字",
        "advice": "直してください",
    }


def test_faults_of_a_row_are_numbered_whatever_their_order() -> None:
    faults = [
        _fault(3, "実績値", "not_a_number", "postal_rate"),
        _fault(3, "実績値", "not_a_number", "single_bid_rate"),
        _fault(3, "支部コード", "unknown_branch"),
        _fault(10, "KPI", "unknown_kpi"),
    ]
    expected = rejected_rows(faults)
    assert [(r["row_number"], r["fault_number"], r["column_name"]) for r in expected if r["row_number"] == 3] == [
        (3, 1, "実績値"),
        (3, 2, "実績値"),
        (3, 3, "支部コード"),
    ]
    assert [r["fault_number"] for r in expected if r["row_number"] == 10] == [1]
    shuffled = random.Random(7).sample(faults, len(faults))
    assert rejected_rows(shuffled) == expected


def test_of_each_file_the_first_faults_are_published() -> None:
    faults = [_fault(number, "実績値", "not_a_number") for number in range(2, 1202)]
    faults += [_fault(2, "KPI", "unknown_kpi"), {**_fault(5000, "KPI", "unknown_kpi"), "file": "b.csv"}]
    published = rejected_rows(random.Random(7).sample(faults, len(faults)))
    assert [(r["file"], r["row_number"], r["fault_number"]) for r in published] == [
        ("a.csv", 2, 1),
        ("a.csv", 2, 2),
        *(("a.csv", number, 1) for number in range(3, 1001)),
        ("b.csv", 5000, 1),
    ]


def test_the_ledger_is_published_without_its_branches(catalogue: Catalogue) -> None:
    entry = {column.name: "" for column in schema.submission_ledger.columns if column.name not in PUBLICATION_COLUMNS}
    ledger = [{**entry, "branches": [{"branch_code": "13", "rows_read": 1, "rows_loaded": 1, "rows_rejected": 0}]}]
    assert serving_tables(catalogue, [], ledger, [])["submission_ledger"] == [entry]


def test_no_rows_at_all_give_empty_tables(catalogue: Catalogue) -> None:
    tables = serving_tables(catalogue, [], [], [])
    assert {name for name, rows in tables.items() if rows} == {"branches", "fiscal_years", "kpis"}


def test_frames_and_arrow_tables_become_dicts_with_none_for_nothing() -> None:
    rows: list[dict[str, Any]] = [
        {"kpi_id": "a", "value": Decimal("57.60"), "rank": 1, "is_nearly_attained": None},
        {"kpi_id": "b", "value": None, "rank": None, "is_nearly_attained": True},
    ]
    assert as_dicts(pd.DataFrame(rows)) == rows
    assert as_dicts(pa.Table.from_pylist(rows)) == rows
    assert as_dicts(tuple(rows)) == rows
    assert as_dicts(pd.DataFrame(rows).iloc[:0]) == []
    assert as_dicts(pd.DataFrame({"rank": pd.array([1, pd.NA], dtype="Int64")})) == [{"rank": 1}, {"rank": None}]
