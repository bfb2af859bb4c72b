"""Read one submitted file by its contract: the public entry of this package.

What lives here: the order of steps from a path to a :class:`Submission`, and finding out which dataset a file is.
What does not: writing anything, and provenance columns (the ingest step adds them). A file is read into memory once;
record-level datasets do not come this way (``streaming``).
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from kenpo_pipelines.catalogue.model import Catalogue
from kenpo_pipelines.submissions.cells import cell_text
from kenpo_pipelines.submissions.contract import Contract, ContractError
from kenpo_pipelines.submissions.duplicates import settle_duplicates
from kenpo_pipelines.submissions.faults import FAULTS, FileFault, advice, detail
from kenpo_pipelines.submissions.files import grids_of
from kenpo_pipelines.submissions.folders import FolderError, check_folder
from kenpo_pipelines.submissions.grids import Grid
from kenpo_pipelines.submissions.limits import MIB, MOST_IN_MEMORY
from kenpo_pipelines.submissions.outside import NOTHING_READ, open_file, shown_name
from kenpo_pipelines.submissions.records import Extract
from kenpo_pipelines.submissions.registration_sheet import is_registration_sheet, read_registration_sheet
from kenpo_pipelines.submissions.rules import LocatedFault, Reading, RowRules
from kenpo_pipelines.submissions.streaming.first_rows import first_grids
from kenpo_pipelines.submissions.submission import Problem, Submission
from kenpo_pipelines.submissions.tables import find_header, read_table
from kenpo_pipelines.submissions.texts import printable, visible

__all__ = ["FolderError", "Problem", "Submission", "check_folder", "detect_dataset", "read_submission"]


def read_submission(path: Path, contract: Contract, catalogue: Catalogue, folder: str) -> Submission:
    """Read the file; never raises for what a branch can do wrong.

    ``folder`` is the landing folder: the reporting month ``YYYY-MM`` or the fiscal year ``YYYY``. Raises
    :class:`FolderError` for another folder, :class:`ContractError` for a record-level dataset, OSError for a fault of the
    system that may pass.
    """
    check_folder(contract, folder)
    if contract.dataset.record_level:
        raise ContractError(f"{contract.dataset.id}: record-level datasets are read by the package streaming")
    name, digest = shown_name(path.name), NOTHING_READ
    try:
        with open_file(path) as handle:
            data = handle.read(MOST_IN_MEMORY + 1)
            read = hashlib.sha256(data)
            while more := handle.read(MIB):
                read.update(more)
        digest = read.hexdigest()
        extract = _extract(grids_of(path.name, data), contract)
    except FileFault as fault:
        return Submission(
            dataset=contract.dataset.id,
            file=name,
            file_sha256=digest,
            status="refused",
            fault=fault.code,
            detail=detail(fault.code, fault.expected),
        )
    rules = RowRules(contract, catalogue, folder)
    readings = [rules.read(record) for record in extract.records]
    merged = settle_duplicates(readings, contract)
    problems = [_problem(reading, fault, contract, name) for reading in readings for fault in reading.faults]
    return Submission(
        dataset=contract.dataset.id,
        file=name,
        file_sha256=digest,
        status="loaded",
        rows_read=len(readings),
        rows=tuple(reading.row for reading in readings if not reading.faults),
        problems=tuple(dict.fromkeys(problems)),
        rows_merged=merged,
        notices=(*extract.notices, *_notices(readings, merged)),
    )


def detect_dataset(path: Path, contracts: Mapping[str, Contract]) -> str | None:
    """Return the dataset whose headers or layout the file has, or None (also for a file that cannot be read).

    Only the beginning of the file is read.
    Where several fit, the one with most columns in the file is taken; two equally good ones are None.
    """
    try:
        grids = first_grids(path)
    except FileFault:
        return None
    scores = {dataset: max(_fit(grid, contract) for grid in grids) for dataset, contract in contracts.items()}
    best = max(scores.values(), default=0)
    found = [dataset for dataset, score in scores.items() if score == best and best > 0]
    return found[0] if len(found) == 1 else None


def _extract(grids: list[Grid], contract: Contract) -> Extract:
    """Read every sheet that has one of the contract's layouts; a file without any is refused with the first sheet's
    fault."""
    extracts: list[Extract] = []
    others: list[str] = []
    refusals: list[FileFault] = []
    for grid in grids:
        try:
            extracts.append(_extract_grid(grid, contract))
        except FileFault as fault:
            if fault.code != "wrong_columns":
                raise
            refusals.append(fault)
            others.append(grid.sheet)
    if not extracts:
        raise refusals[0]
    records = tuple(record for extract in extracts for record in extract.records)
    if not records:
        raise FileFault("no_rows")
    unread = tuple(f"シート「{sheet}」には必要な列がないため、読み込みませんでした。" for sheet in others)
    return Extract(records, tuple(notice for extract in extracts for notice in extract.notices) + unread)


def _extract_grid(grid: Grid, contract: Contract) -> Extract:
    sheet = contract.registration_sheet
    if sheet is not None and is_registration_sheet(grid, sheet):
        return read_registration_sheet(grid, contract, sheet)
    return read_table(grid, contract)


def _fit(grid: Grid, contract: Contract) -> int:
    sheet = contract.registration_sheet
    if sheet is not None and is_registration_sheet(grid, sheet):
        return len(contract.columns) + 1
    try:
        return len(find_header(grid, contract).columns)
    except FileFault:
        return 0


def _problem(reading: Reading, fault: LocatedFault, contract: Contract, file: str) -> Problem:
    column = contract.column_by_name.get(fault.column)
    record = reading.record
    header = record.headers.get(fault.column, column.header if column else "")
    is_public = column is not None and not column.personal
    return Problem(
        dataset=contract.dataset.id,
        branch_code=reading.branch_code,
        file=file,
        sheet=record.sheet,
        row_number=record.row_number,
        column_name=visible(header),
        kpi_id=reading.kpi.id if reading.kpi else None,
        fault=fault.code,
        value_class=FAULTS[fault.code].value_class,
        advice=advice(fault.code, fault.expected),
        shown=printable(cell_text(record.cell(fault.column))) if is_public else "",
    )


def _notices(readings: list[Reading], merged: int) -> list[str]:
    notices = []
    if restored := sum(reading.has_restored_zero for reading in readings):
        notices.append(f"支部コードの先頭の0を補った行が{restored}行あります。")
    if merged:
        notices.append(f"同じ内容の行が重複していました（{merged}行）。1行として扱います。")
    return notices
