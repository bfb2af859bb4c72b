"""Ingestion of one dataset for one month: landing → raw, quarantine and ledger partitions of the lake.

What lives here: writing what reading found, with provenance on every row, and the account of rows. What does not: reading a
file (``reading``). Every file is read on its own; one that cannot be read is recorded as refused and stops no other.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from kenpo_pipelines.catalogue.model import Catalogue
from kenpo_pipelines.lake import Lake
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.landing import LandedFile, landed_files
from kenpo_pipelines.submissions.reading import Submission, read_submission

RAW, QUARANTINE, LEDGER = "raw", "quarantine", "ledger"
"""Lake layers written here, one dataset each."""

_TYPES = {
    "string": pa.string(),
    "integer": pa.int32(),
    "decimal": pa.decimal128(28, 10),
    "boolean": pa.bool_(),
    "date": pa.date32(),
}
_PROVENANCE = [
    ("known_month", pa.string()),
    ("file", pa.string()),
    ("file_sha256", pa.string()),
    ("received_at", pa.string()),
    ("origin", pa.string()),
    ("sheet", pa.string()),
    ("row_number", pa.int32()),
]
QUARANTINE_SCHEMA = pa.schema(
    [
        ("dataset", pa.string()),
        ("known_month", pa.string()),
        ("branch_code", pa.string()),
        ("file", pa.string()),
        ("file_sha256", pa.string()),
        ("sheet", pa.string()),
        ("row_number", pa.int32()),
        ("column_name", pa.string()),
        ("kpi_id", pa.string()),
        ("fault", pa.string()),
        ("value_class", pa.string()),
        ("advice", pa.string()),
    ]
)
"""Grain: one fault of one row. ``known_month`` is the landing folder; the value itself is never kept."""

LEDGER_SCHEMA = pa.schema(
    [
        ("dataset", pa.string()),
        ("known_month", pa.string()),
        ("file", pa.string()),
        ("file_sha256", pa.string()),
        ("received_at", pa.string()),
        ("origin", pa.string()),
        ("status", pa.string()),
        ("fault", pa.string()),
        ("detail", pa.string()),
        ("rows_read", pa.int64()),
        ("rows_loaded", pa.int64()),
        ("rows_rejected", pa.int64()),
        ("rows_merged", pa.int64()),
        ("notices", pa.string()),
    ]
)
"""Grain: one submission file. ``known_month`` is the landing folder (YYYY-MM or YYYY)."""


@dataclass(frozen=True)
class Ingested:
    """What one ingestion did. ``rows_in_lake`` was counted in the files written, not remembered."""

    ledger: tuple[Mapping[str, Any], ...]
    rows_in_lake: int

    @property
    def files_loaded(self) -> int:
        """Files that were read."""
        return sum(entry["status"] == "loaded" for entry in self.ledger)

    @property
    def files_refused(self) -> int:
        """Files that could not be read at all."""
        return sum(entry["status"] == "refused" for entry in self.ledger)

    def total(self, column: str) -> int:
        """Sum of one count over all files."""
        return sum(int(entry[column]) for entry in self.ledger)

    @property
    def is_accounted_for(self) -> bool:
        """Rows in = rows loaded + rows rejected, in every file, and the lake holds exactly the rows loaded."""
        balanced = all(one["rows_read"] == one["rows_loaded"] + one["rows_rejected"] for one in self.ledger)
        return balanced and self.total("rows_loaded") == self.rows_in_lake


def raw_schema(contract: Contract) -> pa.Schema:
    """Return the columns of the dataset's raw layer: provenance, then the contract's."""
    stored = [(column.name, _TYPES[column.storage]) for column in contract.stored_columns]
    return pa.schema(_PROVENANCE + stored)


def ingest(
    lake: Lake,
    landing: Path,
    contract: Contract,
    catalogue: Catalogue,
    month: str,
    on_file: Callable[[LandedFile], None] = lambda landed: None,
) -> Ingested:
    """Read every submission of the dataset that the month's run sees and replace its three partitions.

    ``on_file`` is told each file before it is read. A month without submissions gets partitions without rows.
    """
    dataset = contract.dataset.id
    schema = raw_schema(contract)
    ledger: list[dict[str, Any]] = []
    faults: list[dict[str, Any]] = []
    with lake.replace(RAW, dataset, month) as folder:
        pq.write_table(schema.empty_table(), folder / "empty.parquet", compression="zstd")
        for landed in landed_files(landing, contract, month):
            on_file(landed)
            submission = read_submission(landed.path, contract, catalogue, landed.folder)
            ledger.append(_ledger_entry(landed, submission))
            faults += _faults(landed, submission)
            if submission.rows:
                rows = [{**_provenance(landed, submission, month), **row} for row in submission.rows]
                name = hashlib.sha256(
                    f"{landed.folder}/{landed.path.name}/{submission.file_sha256}".encode()
                ).hexdigest()
                pq.write_table(
                    pa.Table.from_pylist(rows, schema=schema), folder / f"{name[:16]}.parquet", compression="zstd"
                )
    lake.write(QUARANTINE, dataset, month, pa.Table.from_pylist(faults, schema=QUARANTINE_SCHEMA))
    lake.write(LEDGER, dataset, month, pa.Table.from_pylist(ledger, schema=LEDGER_SCHEMA))
    files = lake.files(RAW, dataset, month)
    return Ingested(tuple(ledger), rows_in_lake=sum(pq.read_metadata(path).num_rows for path in files))


def _provenance(landed: LandedFile, submission: Submission, month: str) -> dict[str, Any]:
    return {
        "known_month": month,
        "file": landed.path.name,
        "file_sha256": submission.file_sha256,
        "received_at": landed.received_at,
        "origin": landed.origin,
    }


def _ledger_entry(landed: LandedFile, submission: Submission) -> dict[str, Any]:
    return {
        "dataset": landed.dataset,
        "known_month": landed.folder,
        "file": landed.path.name,
        "file_sha256": submission.file_sha256,
        "received_at": landed.received_at,
        "origin": landed.origin,
        "status": submission.status,
        "fault": submission.fault or "",
        "detail": submission.detail or "",
        "rows_read": submission.rows_read,
        "rows_loaded": submission.rows_loaded,
        "rows_rejected": submission.rows_rejected,
        "rows_merged": submission.rows_merged,
        "notices": "\n".join(submission.notices),
    }


def _faults(landed: LandedFile, submission: Submission) -> list[dict[str, Any]]:
    return [
        {
            "dataset": landed.dataset,
            "known_month": landed.folder,
            "branch_code": problem.branch_code,
            "file": landed.path.name,
            "file_sha256": submission.file_sha256,
            "sheet": problem.sheet,
            "row_number": problem.row_number,
            "column_name": problem.column_name,
            "kpi_id": problem.kpi_id,
            "fault": problem.fault,
            "value_class": problem.value_class,
            "advice": problem.advice,
        }
        for problem in submission.problems
    ]
