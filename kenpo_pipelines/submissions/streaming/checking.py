"""Checking a record-level file for the person who sends it: the same reading, of which nothing is kept.

What lives here: ``RecordCheck``, made in a temporary folder with a key of its own. What does not: the decision (``verdict``).
"""

import heapq
import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq
from pydantic import SecretStr

from kenpo_pipelines.catalogue.model import Catalogue
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.outside import shown_name
from kenpo_pipelines.submissions.streaming.reading import read_record_file
from kenpo_pipelines.submissions.submission import Problem

MOST_LISTED = 200


@dataclass(frozen=True, slots=True)
class RecordCheck:
    """One record-level file as checked: counts, and the first problems. ``rows_unlisted`` more rows have problems too."""

    dataset: str
    file: str
    status: Literal["loaded", "refused"]
    detail: str
    rows_read: int
    rows_loaded: int
    rows_rejected: int
    problems: tuple[Problem, ...]
    rows_unlisted: int
    notices: tuple[str, ...]
    branch_codes: frozenset[str]
    fiscal_years: frozenset[int] = frozenset()
    fault: str = ""
    file_sha256: str = ""


def check_record_file(path: Path, contract: Contract, catalogue: Catalogue, folder: str) -> RecordCheck:
    """Read the file as the pipeline would and return what there is to say; what was read is gone afterwards.

    Raises as :func:`read_record_file` does.
    """
    told = {"known_month": folder, "file": shown_name(path.name), "received_at": "", "origin": "submission"}
    with tempfile.TemporaryDirectory() as temporary:
        raw, quarantine = Path(temporary) / "raw.parquet", Path(temporary) / "quarantine.parquet"
        key = SecretStr(secrets.token_hex(32))
        read = read_record_file(path, contract, catalogue, folder, key, raw, quarantine, told)
        first = heapq.nsmallest(MOST_LISTED, _faults(quarantine), key=lambda one: (one["sheet"], one["row_number"]))
    problems = tuple(map(_problem, first))
    listed = len({(problem.sheet, problem.row_number) for problem in problems})
    return RecordCheck(
        dataset=contract.dataset.id,
        file=shown_name(path.name),
        status=read.status,
        detail=read.detail,
        rows_read=read.rows_read,
        rows_loaded=read.rows_loaded,
        rows_rejected=read.rows_rejected,
        problems=problems,
        rows_unlisted=read.rows_rejected - listed,
        notices=read.notices,
        branch_codes=frozenset(one.branch_code for one in read.branches if one.branch_code is not None),
        fault=read.fault,
        file_sha256=read.file_sha256,
    )


def _faults(quarantine: Path) -> Iterator[dict[str, Any]]:
    if quarantine.exists():
        with pq.ParquetFile(quarantine) as file:
            for batch in file.iter_batches():
                yield from batch.to_pylist()


def _problem(fault: dict[str, Any]) -> Problem:
    return Problem(
        dataset=fault["dataset"],
        branch_code=fault["branch_code"],
        file=fault["file"],
        sheet=fault["sheet"],
        row_number=fault["row_number"],
        column_name=fault["column_name"],
        kpi_id=None,
        fault=fault["fault"],
        value_class=fault["value_class"],
        advice=fault["advice"],
    )
