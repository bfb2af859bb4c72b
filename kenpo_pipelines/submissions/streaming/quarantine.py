"""Faults of rows on their way into the quarantine's Parquet file.

What lives here: one line per fault, written in batches, and the count of rejected rows by branch. What does not: finding
faults. Nothing of what a cell held passes through here.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from kenpo_pipelines.submissions.faults import FAULTS, CellFault, advice
from kenpo_pipelines.submissions.partitions import QUARANTINE_SCHEMA

_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row and why it is rejected: faults with the header of their column ('' = the whole row)."""

    sheet: str
    row_number: int
    branch_code: str | None
    faults: tuple[tuple[str, CellFault], ...]


class Quarantine:
    """The quarantine file of one submission; there is none without a rejected row."""

    def __init__(self, path: Path, dataset: str, provenance: Mapping[str, str]) -> None:
        self.rejected: Counter[str | None] = Counter()
        self._path = path
        self._same = {
            "dataset": dataset,
            "known_month": provenance["known_month"],
            "file": provenance["file"],
            "file_sha256": provenance["file_sha256"],
            "kpi_id": None,
        }
        self._waiting: list[dict[str, Any]] = []
        self._writer: pq.ParquetWriter | None = None

    def add(self, rows: Iterable[RejectedRow]) -> None:
        """Take in rejected rows, each once."""
        for row in rows:
            self.rejected[row.branch_code] += 1
            self._waiting += [self._entry(row, header, fault) for header, fault in row.faults]
            if len(self._waiting) >= _BATCH:
                self._write()

    def close(self) -> None:
        """Write what is left."""
        if self._waiting:
            self._write()
        if self._writer is not None:
            self._writer.close()

    def _write(self) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, QUARANTINE_SCHEMA, compression="zstd")
        self._writer.write_table(pa.Table.from_pylist(self._waiting, schema=QUARANTINE_SCHEMA))
        self._waiting.clear()

    def _entry(self, row: RejectedRow, header: str, fault: CellFault) -> dict[str, Any]:
        return self._same | {
            "branch_code": row.branch_code,
            "sheet": row.sheet,
            "row_number": row.row_number,
            "column_name": header,
            "fault": fault.code,
            "value_class": FAULTS[fault.code].value_class,
            "advice": advice(fault.code, fault.expected),
        }
