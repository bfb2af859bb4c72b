"""Ingestion of one dataset for one month: landing → raw, quarantine and ledger partitions of the lake.

What lives here: the order of steps, and the files of datasets that are read row by row. What does not: reading a file
(``reading``), record-level datasets (``record_ingest``), the account (``accounts``). Every file is read on its own; one that
cannot be read is recorded as refused and stops no other.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import SecretStr

from kenpo_pipelines.catalogue.model import Catalogue
from kenpo_pipelines.lake import Lake
from kenpo_pipelines.settings import SettingsError, required_key
from kenpo_pipelines.submissions.accounts import Ingested, copy_entry, ledger_entry
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.copies import read_all
from kenpo_pipelines.submissions.landing import LandedFile, landed_files
from kenpo_pipelines.submissions.partitions import (
    EMPTY_FILE,
    LEDGER,
    LEDGER_SCHEMA,
    QUARANTINE,
    QUARANTINE_SCHEMA,
    RAW,
    parquet_name,
    raw_schema,
)
from kenpo_pipelines.submissions.quarantine import rejected_rows
from kenpo_pipelines.submissions.reading import read_submission
from kenpo_pipelines.submissions.record_ingest import RecordReader
from kenpo_pipelines.submissions.reuse import Reuse
from kenpo_pipelines.submissions.submission import Submission


def ingest(
    lake: Lake,
    landing: Path,
    contract: Contract,
    catalogue: Catalogue,
    month: str,
    key: SecretStr | None = None,
    *,
    may_reuse: bool = True,
    readers: int = 2,
) -> Ingested:
    """Read every submission of the dataset that the month's run sees and replace its three partitions.

    A month without submissions gets partitions without rows. Record-level files that are as they were are not read again
    unless ``may_reuse`` is False; others are read by as many ``readers`` at a time, each with an engine of bounded memory.
    Raises :class:`SettingsError` when files with personal data wait and there is no ``key``.
    """
    dataset = contract.dataset.id
    landed = landed_files(landing, contract, month)
    if landed and contract.has_personal_columns:
        key = _key_for(contract, key)
    reuse = Reuse(lake, dataset, month)
    if not may_reuse:
        reuse.forget()
    with lake.replace(RAW, dataset, month) as raw, lake.replace(QUARANTINE, dataset, month) as quarantine:
        pq.write_table(raw_schema(contract).empty_table(), raw / EMPTY_FILE, compression="zstd")
        pq.write_table(QUARANTINE_SCHEMA.empty_table(), quarantine / EMPTY_FILE, compression="zstd")
        folders = {RAW: raw, QUARANTINE: quarantine}
        reader = RecordReader(contract, catalogue, key, reuse, folders) if contract.dataset.record_level else None
        read = reader.read if reader else _row_reader(contract, catalogue, month, folders)
        # figures are read by Python, which two readers only share
        ledger = read_all(landed, read, copy_entry, readers=readers if reader else 1)
    lake.write(LEDGER, dataset, month, pa.Table.from_pylist(ledger, schema=LEDGER_SCHEMA))
    done = _counted(lake, contract, month, ledger)
    if reader is not None:
        if done.is_accounted_for:
            reader.remember()
        else:
            reuse.forget()
    return done


def ingested(lake: Lake, contract: Contract, month: str) -> Ingested:
    """Return what the last ingestion of the month did, as the lake has it; raise MissingPartition when there was none."""
    return _counted(lake, contract, month, lake.read(LEDGER, contract.dataset.id, month).to_pylist())


def _counted(lake: Lake, contract: Contract, month: str, ledger: list[dict[str, Any]]) -> Ingested:
    dataset = contract.dataset.id
    return Ingested(
        tuple(ledger),
        rows_in_lake=sum(pq.read_metadata(path).num_rows for path in lake.files(RAW, dataset, month)),
        rejected_in_lake=rejected_rows(lake, dataset, month) if contract.dataset.record_level else None,
    )


def _key_for(contract: Contract, key: SecretStr | None) -> SecretStr:
    try:
        return required_key(key)
    except SettingsError as error:
        raise SettingsError(f"{contract.dataset.id} holds personal data: {error}") from None


def _row_reader(
    contract: Contract, catalogue: Catalogue, month: str, folders: Mapping[str, Path]
) -> Callable[[LandedFile], dict[str, Any]]:
    """Return the reader of a dataset without persons, whose files are read into memory."""
    schema = raw_schema(contract)

    def read(landed: LandedFile) -> dict[str, Any]:
        submission = read_submission(landed.path, contract, catalogue, landed.folder)
        name = parquet_name(landed.folder, landed.name, submission.file_sha256)
        entry = ledger_entry(landed, submission)
        provenance = {column: entry[column] for column in ("file", "file_sha256", "received_at", "origin")}
        rows = [{"known_month": month, **provenance, **row} for row in submission.rows]
        faults = _faults(landed, submission)
        for layer, found, types in ((RAW, rows, schema), (QUARANTINE, faults, QUARANTINE_SCHEMA)):
            if found:
                table = pa.Table.from_pylist(found, schema=types)
                pq.write_table(table, folders[layer] / name, compression="zstd")
        return entry

    return read


def _faults(landed: LandedFile, submission: Submission) -> list[dict[str, Any]]:
    return [
        {
            "dataset": landed.dataset,
            "known_month": landed.folder,
            "branch_code": problem.branch_code,
            "file": landed.name,
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
