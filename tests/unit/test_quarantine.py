"""Questions about a quarantine that may be large."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kenpo_pipelines.lake import Lake
from kenpo_pipelines.submissions.partitions import QUARANTINE, QUARANTINE_SCHEMA
from kenpo_pipelines.submissions.quarantine import (
    MOST_SHOWN,
    FaultSummary,
    fault_count,
    first_faults,
    rejected_rows,
    summarise,
)

MONTH = "2025-06"


def fault(file: str, row_number: int, fault: str = "missing_value", **changes: Any) -> dict[str, Any]:
    row = {
        "dataset": "claims",
        "known_month": MONTH,
        "branch_code": "13",
        "file": file,
        "file_sha256": "a" * 64,
        "sheet": "",
        "row_number": row_number,
        "column_name": "決定点数",
        "kpi_id": None,
        "fault": fault,
        "value_class": "必須項目の空欄",
        "advice": "入力してください。",
    }
    return row | changes


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "lake")
    files = {
        "a": [fault("a.csv", number) for number in reversed(range(2, 302))]
        + [fault("a.csv", 2, "unknown_branch", branch_code=None)],
        "b": [fault("b.csv", 9), fault("b.csv", 9, sheet="二枚目")],
    }
    with lake.replace(QUARANTINE, "claims", MONTH) as folder:
        pq.write_table(QUARANTINE_SCHEMA.empty_table(), folder / "empty.parquet")
        for name, rows in files.items():
            pq.write_table(pa.Table.from_pylist(rows, schema=QUARANTINE_SCHEMA), folder / f"{name}.parquet")
    lake.write(QUARANTINE, "nothing", MONTH, QUARANTINE_SCHEMA.empty_table())
    return lake


def test_rows_are_counted_once_however_many_faults_they_have(lake: Lake) -> None:
    assert fault_count(lake, "claims", MONTH) == 303
    assert rejected_rows(lake, "claims", MONTH) == {(MONTH, "a.csv"): 300, (MONTH, "b.csv"): 2}
    assert rejected_rows(lake, "nothing", MONTH) == {}


def test_the_summary_counts_all_and_shows_the_first(lake: Lake) -> None:
    summary = summarise(lake, "claims", MONTH)
    assert [(one["fault"], one["branch_code"], one["faults"]) for one in summary.groups] == [
        ("missing_value", "13", 302),
        ("unknown_branch", None, 1),
    ]
    assert len(summary.first) == MOST_SHOWN
    assert [(one["row_number"], one["fault"]) for one in summary.first[:3]] == [
        (2, "missing_value"),
        (2, "unknown_branch"),
        (3, "missing_value"),
    ]
    assert summarise(lake, "nothing", MONTH) == FaultSummary(0)


def test_of_each_file_the_first_faults_are_taken(lake: Lake) -> None:
    found = first_faults(lake, "claims", MONTH, per_file=3)
    assert found.schema == QUARANTINE_SCHEMA
    assert [(one["file"], one["row_number"]) for one in found.to_pylist()] == [
        ("a.csv", 2),
        ("a.csv", 2),
        ("a.csv", 3),
        ("b.csv", 9),
        ("b.csv", 9),
    ]
    assert first_faults(lake, "nothing", MONTH, per_file=3).num_rows == 0
