"""The checks of an account: what they tell people, and the facts of an alert, without a value of a row."""

from typing import Any

import dagster as dg

from assets.submission_account import account_checks
from kenpo_pipelines.submissions.accounts import SAME_FILE_AGAIN, Ingested
from kenpo_pipelines.submissions.quarantine import FaultSummary

KEYS = {layer: dg.AssetKey([layer, "claims"]) for layer in ("raw", "quarantine", "ledger")}
FEEDS = ("generic_share_value", "claims_assessment_rate")
NO_FAULTS = FaultSummary(0)


def entry(**changes: Any) -> dict[str, Any]:
    counts = {"rows_read": 10, "rows_loaded": 10, "rows_rejected": 0, "rows_merged": 0}
    whose = {"known_month": "2025-06", "file_sha256": "f00d"}
    return whose | {"file": "a.csv", "status": "loaded", "fault": "", "detail": "", "branches": []} | counts | changes


def checked(done: Ingested, faults: FaultSummary = NO_FAULTS) -> dict[str, dg.AssetCheckResult]:
    return {str(one.check_name): one for one in account_checks(KEYS, done, faults, FEEDS)}


def facts(result: dg.AssetCheckResult) -> dict[str, Any]:
    names = ("dataset", "branches", "checked_rows", "failed_rows", "unit", "protects")
    return {name: result.metadata[name].value for name in names}


def kinds(result: dg.AssetCheckResult) -> list[tuple[str, int, str]]:
    told = result.metadata["not_held"].value
    assert isinstance(told, list)
    return [(one["what"], one["failed"], one["unit"]) for one in told]


def test_an_account_without_fault_passes_and_asks_for_nothing() -> None:
    found = checked(Ingested((entry(),), 10))
    assert all(one.passed for one in found.values())
    assert {one.metadata["what_to_do"].value for one in found.values()} == {""}
    assert {tuple(one.metadata["protects"].value) for one in found.values()} == {tuple(sorted(FEEDS))}  # type: ignore[arg-type]


def test_files_that_cannot_be_read_are_told_by_their_kinds() -> None:
    refused = entry(status="refused", rows_read=0, rows_loaded=0)
    ledger = (
        entry(),
        refused | {"fault": "encrypted"},
        refused | {"fault": "encrypted"},
        refused | {"fault": "not_text"},
    )
    result = checked(Ingested(ledger, 10))["files_readable"]
    assert not result.passed
    assert facts(result) == {
        "dataset": "claims",
        "branches": [],
        "checked_rows": 4,
        "failed_rows": 3,
        "unit": "ファイル",
        "protects": sorted(FEEDS),
    }
    assert [(count, unit) for _, count, unit in kinds(result)] == [(2, "ファイル"), (1, "ファイル")]
    assert kinds(result)[1][0] == "拡張子と中身が異なるファイル"
    assert "再提出を依頼" in str(result.metadata["what_to_do"].value)


def test_the_same_file_again_needs_no_action() -> None:
    copy = entry(status="refused", fault=SAME_FILE_AGAIN, rows_read=0, rows_loaded=0)
    result = checked(Ingested((entry(), copy), 10))["files_readable"]
    assert result.severity is dg.AssetCheckSeverity.WARN
    assert "対応は不要" in str(result.metadata["what_to_do"].value)


def test_rejected_rows_are_told_by_kind_and_branch() -> None:
    faults = FaultSummary(5, kinds=(("missing_value", 4), ("ragged_row", 1)), branches=(("", 1), ("04", 1), ("13", 3)))
    done = Ingested((entry(rows_loaded=6, rows_rejected=4),), 6)
    result = checked(done, faults)["rows_readable"]
    told = facts(result)
    assert (told["branches"], told["checked_rows"], told["failed_rows"], told["unit"]) == (["04", "13"], 10, 4, "行")
    assert kinds(result) == [("必須項目の空欄", 4, "か所"), ("見出しと列の数が合わない行", 1, "か所")]
    nothing_left = checked(Ingested((entry(rows_loaded=0, rows_rejected=10),), 0), faults)["rows_readable"]
    assert nothing_left.severity is dg.AssetCheckSeverity.ERROR
    assert "一行も取り込めません" in str(nothing_left.metadata["what_to_do"].value)


def test_rows_that_do_not_add_up_are_counted() -> None:
    result = checked(Ingested((entry(),), 7))["rows_accounted_for"]
    assert not result.passed
    assert facts(result)["failed_rows"] == 3
    assert "プログラムの不具合" in str(result.metadata["what_to_do"].value)
