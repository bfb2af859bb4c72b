"""The account of an ingestion as Dagster shows it: totals, files, branches, and the checks that rows add up and could be read.

What lives here: metadata and check results. What does not: counting (``kenpo_pipelines.submissions.accounts``, ``quarantine``).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import dagster as dg

from assets.common import check_spec
from expectations.checks import ROWS_IN_SENTENCE
from expectations.markdown import markdown_table
from kenpo_pipelines.submissions.accounts import SAME_FILE_AGAIN, Ingested
from kenpo_pipelines.submissions.partitions import LEDGER, QUARANTINE
from kenpo_pipelines.submissions.quarantine import FaultSummary

ACCOUNTED_FOR = "rows_accounted_for"
REFUSED_FILES = "files_readable"
REJECTED_ROWS = "rows_readable"


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
    keys: Mapping[str, dg.AssetKey], done: Ingested, faults: FaultSummary
) -> Iterator[dg.AssetCheckResult]:
    """Yield the results of the checks."""
    counts = {name: done.total(name) for name in ("rows_read", "rows_loaded", "rows_rejected", "rows_merged")}
    in_lake = {"rows_in_lake": done.rows_in_lake}
    if done.rejected_in_lake is not None:
        in_lake["rows_in_quarantine"] = sum(done.rejected_in_lake.values())
    yield dg.AssetCheckResult(
        asset_key=keys[LEDGER],
        check_name=ACCOUNTED_FOR,
        passed=done.is_accounted_for,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={**counts, **in_lake},
    )
    refused = [one for one in done.ledger if one["status"] == "refused"]
    is_only_copies = all(one["fault"] == SAME_FILE_AGAIN for one in refused)
    yield dg.AssetCheckResult(
        asset_key=keys[LEDGER],
        check_name=REFUSED_FILES,
        passed=not refused,
        severity=dg.AssetCheckSeverity.WARN if is_only_copies else dg.AssetCheckSeverity.ERROR,
        description=" / ".join(f"{one['file']}: {one['detail']}" for one in refused) or None,
        metadata={"files": len(done.ledger), "files_refused": len(refused)},
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
        },
    )


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
