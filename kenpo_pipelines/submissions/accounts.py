"""The account of a submission: its row in the ledger, and the account of all of them against the lake.

What lives here: what the ledger says. What does not: reading (``reading``, ``streaming``) and writing (``ingest``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kenpo_pipelines.submissions.faults import detail
from kenpo_pipelines.submissions.landing import LandedFile
from kenpo_pipelines.submissions.streaming import RecordFile
from kenpo_pipelines.submissions.submission import Submission

SAME_FILE_AGAIN = "same_file_again"


@dataclass(frozen=True)
class Ingested:
    """What one ingestion did. Both counts were made in the files written, not remembered.

    ``rejected_in_lake`` counts distinct rows in quarantine by (landing folder, file); None where a row of the file holds
    several records (a registration sheet), so that rows cannot be counted by number.
    """

    ledger: tuple[Mapping[str, Any], ...]
    rows_in_lake: int
    rejected_in_lake: Mapping[tuple[str, str], int] | None = None

    @property
    def files_refused(self) -> int:
        """Files that could not be read at all, or were read under another name."""
        return sum(entry["status"] == "refused" for entry in self.ledger)

    def total(self, column: str) -> int:
        """Sum of one count over all files."""
        return sum(int(entry[column]) for entry in self.ledger)

    @property
    def is_accounted_for(self) -> bool:
        """Rows in = rows loaded + rows rejected, in every file and by branch, and the lake holds exactly those."""
        balanced = all(one["rows_read"] == one["rows_loaded"] + one["rows_rejected"] for one in self.ledger)
        if not balanced or self.total("rows_loaded") != self.rows_in_lake:
            return False
        if self.rejected_in_lake is None:
            return True
        rejected = {(one["known_month"], one["file"]): one["rows_rejected"] for one in self.ledger}
        in_lake = {file: self.rejected_in_lake.get(file, 0) for file in {*rejected, *self.rejected_in_lake}}
        return rejected == in_lake and all(map(_is_split_by_branch, self.ledger))


def _is_split_by_branch(entry: Mapping[str, Any]) -> bool:
    counts = ("rows_read", "rows_loaded", "rows_rejected")
    return all(entry[name] == sum(branch[name] for branch in entry["branches"]) for name in counts)


def ledger_entry(landed: LandedFile, read: Submission | RecordFile) -> dict[str, Any]:
    """Return the ledger's row of a file that was read, or could not be."""
    return {
        **_head(landed, read.file_sha256),
        "status": read.status,
        "fault": read.fault or "",
        "detail": read.detail or "",
        "rows_read": read.rows_read,
        "rows_loaded": read.rows_loaded,
        "rows_rejected": read.rows_rejected,
        "rows_merged": read.rows_merged,
        "notices": "\n".join(read.notices),
        "branches": _branches(read) if isinstance(read, RecordFile) else [],
        "branch_codes": ",".join(sorted(_branch_codes(read))),
    }


def copy_entry(landed: LandedFile, first: LandedFile, digest: str) -> dict[str, Any]:
    """Return the ledger's row of a file whose bytes were received before under another name: nothing of it is loaded."""
    return {
        **_head(landed, digest),
        "status": "refused",
        "fault": SAME_FILE_AGAIN,
        "detail": detail(SAME_FILE_AGAIN, first.name),
        **dict.fromkeys(("rows_read", "rows_loaded", "rows_rejected", "rows_merged"), 0),
        "notices": "",
        "branches": [],
        "branch_codes": "",
    }


def _head(landed: LandedFile, digest: str) -> dict[str, Any]:
    return {
        "dataset": landed.dataset,
        "known_month": landed.folder,
        "file": landed.name,
        "file_sha256": digest,
        "received_at": landed.received_at,
        "origin": landed.origin,
    }


def _branch_codes(read: Submission | RecordFile) -> frozenset[str]:
    """Branches of the file's rows, as far as the rows tell."""
    if isinstance(read, Submission):
        return read.branch_codes
    return frozenset(one.branch_code for one in read.branches if one.branch_code is not None)


def _branches(read: RecordFile) -> Sequence[dict[str, Any]]:
    return [
        {
            "branch_code": one.branch_code or "",
            "rows_read": one.rows_loaded + one.rows_rejected,
            "rows_loaded": one.rows_loaded,
            "rows_rejected": one.rows_rejected,
        }
        for one in read.branches
    ]
