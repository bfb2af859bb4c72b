"""The account of an ingestion as Dagster shows it: totals, files, branches, and the checks that rows add up and could be read.

What lives here: metadata and check results. What does not: counting (``kenpo_pipelines.submissions.accounts``, ``quarantine``).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import dagster as dg

from assets.common import check_spec
from expectations.alert_facts import NotHeld, alert_facts
from expectations.checks import ROWS_IN_SENTENCE
from expectations.markdown import markdown_table
from kenpo_pipelines.submissions.accounts import SAME_FILE_AGAIN, Ingested
from kenpo_pipelines.submissions.faults import FAULTS
from kenpo_pipelines.submissions.partitions import LEDGER, QUARANTINE
from kenpo_pipelines.submissions.quarantine import FaultSummary

ACCOUNTED_FOR = "rows_accounted_for"
REFUSED_FILES = "files_readable"
REJECTED_ROWS = "rows_readable"

_NOT_ACCOUNTED_FOR = (
    "読み取った行数と、取り込んだ行数・受け付けなかった行数の合計が合いません。プログラムの不具合です。"
    "この月の数値を使わず、記録（ログ）を保存してデータ基盤担当に連絡してください。"
)
_FILES_REFUSED = "読めなかったファイルの支部に、実行の記録にある案内を添えて再提出を依頼してください。"
_ONLY_COPIES = "同じ内容のファイルがもう一度届いただけです。取り違えでなければ対応は不要です。"
_ROWS_REJECTED = "受け付けられない行（データベースの rejected_rows）を支部に示し、訂正と再提出を依頼してください。"
_NO_ROW_LOADED = "一行も取り込めませんでした。様式の取り違えがないかを確かめ、すぐに再提出を依頼してください。"


def ledger_metadata(done: Ingested) -> dict[str, Any]:
    """Return the account as metadata: totals, the files, and rows by branch."""
    header = ["known_month", "file", "status", "rows_read", "rows_loaded", "rows_rejected", "rows_merged", "origin"]
    return {
        "files": len(done.ledger),
        "files_refused": done.files_refused,
        "rows_read": done.total("rows_read"),
        "rows_loaded": done.total("rows_loaded"),
        "rows_rejected": done.total("rows_rejected"),
        "submissions": _table(header, done.ledger),
        **_branch_metadata(done),
    }


def _branch_metadata(done: Ingested) -> dict[str, Any]:
    """The account by branch, over all files; nothing where files are not accounted for by branch."""
    counts = ["rows_read", "rows_loaded", "rows_rejected"]
    totals: dict[str, dict[str, Any]] = {}
    for branch in (branch for one in done.ledger for branch in one["branches"]):
        total = totals.setdefault(branch["branch_code"], {"branch_code": branch["branch_code"] or "?"})
        total |= {name: total.get(name, 0) + branch[name] for name in counts}
    return (
        {"rows_by_branch": _table(["branch_code", *counts], (totals[code] for code in sorted(totals)))}
        if totals
        else {}
    )


def account_specs(keys: Mapping[str, dg.AssetKey]) -> list[dg.AssetCheckSpec]:
    """Return the specs of the checks; ``keys`` are the assets of the dataset by layer."""
    return [
        check_spec(
            ACCOUNTED_FOR,
            keys[LEDGER],
            "Rows in = rows loaded + rows rejected, for every file, counted in the lake",
            blocking=True,
        ),
        check_spec(REFUSED_FILES, keys[LEDGER], "Every submitted file could be read", blocking=False),
        check_spec(
            REJECTED_ROWS, keys[QUARANTINE], "Every row could be read; faulty ones are in quarantine", blocking=False
        ),
    ]


def account_checks(
    keys: Mapping[str, dg.AssetKey], done: Ingested, faults: FaultSummary, feeds: Literal["all"] | tuple[str, ...]
) -> Iterator[dg.AssetCheckResult]:
    """Yield the results of the checks; ``feeds``: the KPIs that the dataset feeds."""
    protects = ["all"] if feeds == "all" else sorted(feeds)
    counts = {name: done.total(name) for name in ("rows_read", "rows_loaded", "rows_rejected", "rows_merged")}
    in_lake = {"rows_in_lake": done.rows_in_lake}
    if done.rejected_in_lake is not None:
        in_lake["rows_in_quarantine"] = sum(done.rejected_in_lake.values())
    yield dg.AssetCheckResult(
        asset_key=keys[LEDGER],
        check_name=ACCOUNTED_FOR,
        passed=done.is_accounted_for,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={
            **counts,
            **in_lake,
            **alert_facts(
                keys[LEDGER],
                checked_rows=counts["rows_read"],
                failed_rows=abs(counts["rows_read"] - done.rows_in_lake - counts["rows_rejected"]),
                branches=[],
                protects=protects,
                what_to_do=[] if done.is_accounted_for else [_NOT_ACCOUNTED_FOR],
                not_held=[],
            ),
        },
    )
    refused = [one for one in done.ledger if one["status"] == "refused"]
    is_only_copies = all(one["fault"] == SAME_FILE_AGAIN for one in refused)
    yield dg.AssetCheckResult(
        asset_key=keys[LEDGER],
        check_name=REFUSED_FILES,
        passed=not refused,
        severity=dg.AssetCheckSeverity.WARN if is_only_copies else dg.AssetCheckSeverity.ERROR,
        description=" / ".join(f"{one['file']}: {one['detail']}" for one in refused) or None,
        metadata={
            "files": len(done.ledger),
            "files_refused": len(refused),
            **alert_facts(
                keys[LEDGER],
                checked_rows=len(done.ledger),
                failed_rows=len(refused),
                branches=[],
                protects=protects,
                what_to_do=[_ONLY_COPIES if is_only_copies else _FILES_REFUSED] if refused else [],
                not_held=_of_kind(Counter(one["fault"] for one in refused).most_common(), "ファイル"),
                unit="ファイル",
                files=_files(one for one in refused if one["fault"] != SAME_FILE_AGAIN),
            ),
        },
    )
    groups = ["fault", "value_class", "column_name", "branch_code", "faults"]
    rows = ["file", "sheet", "row_number", "column_name", "branch_code", "kpi_id", "fault", "value_class", "advice"]
    yield dg.AssetCheckResult(
        asset_key=keys[QUARANTINE],
        check_name=REJECTED_ROWS,
        passed=not faults.faults,
        severity=dg.AssetCheckSeverity.WARN if done.rows_in_lake else dg.AssetCheckSeverity.ERROR,
        description=_rejected_text(done, faults) if faults.faults else None,
        metadata={
            "rows_rejected": done.total("rows_rejected"),
            "faults_counted": faults.faults,
            "faults_by_kind": _table(groups, faults.groups),
            "faults": _table(rows, faults.first),
            **alert_facts(
                keys[QUARANTINE],
                checked_rows=done.total("rows_read"),
                failed_rows=done.total("rows_rejected"),
                branches=(code for code, _ in faults.branches),
                protects=protects,
                what_to_do=[_ROWS_REJECTED if done.rows_in_lake else _NO_ROW_LOADED] if faults.faults else [],
                not_held=_of_kind(faults.kinds, "か所"),
                files=_files(one for one in done.ledger if one["rows_rejected"]),
            ),
        },
    )


def _of_kind(kinds: Iterable[tuple[str, int]], unit: str) -> list[NotHeld]:
    """Each kind of fault with its count: the kind of value that was found, never the value."""
    return [NotHeld(code, FAULTS[code].value_class, count, unit=unit) for code, count in kinds]


def _files(entries: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """Which submissions are at fault, for the check reports that go with an alert."""
    return ((one["known_month"], one["file"], one["file_sha256"]) for one in entries)


def _table(header: list[str], rows: Iterable[Mapping[str, Any]]) -> dg.MarkdownMetadataValue:
    return dg.MetadataValue.md(markdown_table(header, [[one[name] for name in header] for one in rows]))


def _rejected_text(done: Ingested, faults: FaultSummary) -> str:
    counted = f"受け付けられない行 — {done.total('rows_rejected')} of {done.total('rows_read')} rows"
    shown = [
        " ".join(
            filter(
                None, [one["file"], one["sheet"], f"{one['row_number']}行目", one["column_name"], one["value_class"]]
            )
        )
        for one in faults.first[:ROWS_IN_SENTENCE]
    ]
    return " — ".join([counted, *shown])
