"""Read one record-level file: the public entry of this package.

What lives here: the order of steps from a path to a :class:`RecordFile`, and the choice of the way that a file is read. What
does not: the steps. Whatever a branch does wrong is told in the result; nothing of what was read is ever raised.
"""

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import pyarrow as pa
from pydantic import SecretStr

from kenpo_pipelines.catalogue.model import Catalogue
from kenpo_pipelines.submissions.contract import Contract, ContractError
from kenpo_pipelines.submissions.faults import FileFault, detail
from kenpo_pipelines.submissions.files import SUFFIXES
from kenpo_pipelines.submissions.folders import check_folder
from kenpo_pipelines.submissions.outside import NOTHING_READ, sha256, size_and_time
from kenpo_pipelines.submissions.streaming.engine import Engine, Texts, connected, texts_of_pipe, texts_of_records
from kenpo_pipelines.submissions.streaming.feeder import Feeder
from kenpo_pipelines.submissions.streaming.head import CsvHead, Head, head_of_csv
from kenpo_pipelines.submissions.streaming.quarantine import Quarantine
from kenpo_pipelines.submissions.streaming.repeats import loaded_by_branch, take_out_repeats
from kenpo_pipelines.submissions.streaming.result import RecordFile, StreamingError, rows_by_branch
from kenpo_pipelines.submissions.streaming.row_streams import Guarded, TextRow, batches, csv_records, schema_of
from kenpo_pipelines.submissions.streaming.settling import Settler, Unmarked
from kenpo_pipelines.submissions.streaming.workbook_rows import BookHeads, WorkbookRows
from kenpo_pipelines.submissions.tables import row_numbers


@dataclass(frozen=True)
class _Task:
    """One file and all that its reading needs."""

    path: Path
    contract: Contract
    catalogue: Catalogue
    folder: str
    key: SecretStr | None
    raw_file: Path
    quarantine_file: Path
    provenance: Mapping[str, str]


@dataclass
class _Reading:
    """One way through a file: who settles its rows, how many were written, and how many stayed when repeats were taken out."""

    settler: Settler
    quarantine: Quarantine
    heads: Mapping[str, Head]
    rows_written: int = 0
    loaded_by_branch: dict[str, int] = field(default_factory=dict)


def read_record_file(
    path: Path,
    contract: Contract,
    catalogue: Catalogue,
    folder: str,
    key: SecretStr | None,
    raw_file: Path,
    quarantine_file: Path,
    provenance: Mapping[str, str],
) -> RecordFile:
    """Read the file into ``raw_file`` and ``quarantine_file``, each written only when it has rows.

    ``folder`` is the landing folder ``YYYY-MM``; ``provenance`` holds ``known_month``, ``file``, ``received_at`` and
    ``origin``. Never raises for what a branch can do wrong. Raises :class:`ContractError` for a contract that is not
    record-level, or has personal columns and no ``key``; OSError for a fault of the system that may pass;
    :class:`StreamingError` when the engine fails.
    """
    check_folder(contract, folder)
    if not contract.dataset.record_level:
        raise ContractError(f"{contract.dataset.id}: not a record-level dataset")
    if contract.has_personal_columns and (key is None or not key.get_secret_value()):
        raise ContractError(f"{contract.dataset.id}: personal columns cannot be read without a key")
    digest = NOTHING_READ
    task = _Task(path, contract, catalogue, folder, key, raw_file, quarantine_file, provenance)
    try:
        before = size_and_time(path)
        digest = sha256(path)
        task = replace(task, provenance={**provenance, "file_sha256": digest})
        read = _read(task)
        if size_and_time(path) != before:
            raise FileFault("changed_meanwhile")
        return read
    except FileFault as fault:
        _remove(task)
        return RecordFile(digest, "refused", fault.code, detail(fault.code, fault.expected))
    except BaseException:
        _remove(task)
        raise


def _read(task: _Task) -> RecordFile:
    lower = task.path.name.lower()
    if not lower.endswith(SUFFIXES):
        raise FileFault("unsupported_extension")
    if lower.endswith(".xlsx"):
        with connected() as connection:
            reading, found = _read_workbook(task, connection)
            return _result(task, reading, connection, found)
    head = head_of_csv(task.path, task.contract)
    with connected() as connection:
        if by_engine := _read_by_engine(task, head, connection):
            return _result(task, by_engine, connection)
    with connected() as connection:
        return _result(task, _read_by_python(task, head, connection), connection)


def _result(
    task: _Task, reading: _Reading, connection: duckdb.DuckDBPyConnection, book: BookHeads | None = None
) -> RecordFile:
    """Settle repeated keys and count; raise :class:`FileFault` ``no_rows``."""
    failed = _attempt(lambda: _take_out_repeats(task, reading, connection))
    reading.quarantine.close()
    if failed is not None:
        raise _unquoted(failed)
    loaded = sum(reading.loaded_by_branch.values())
    rejected = reading.quarantine.rejected
    if not loaded:
        task.raw_file.unlink(missing_ok=True)
    if not loaded and not rejected.total():
        raise FileFault("no_rows")
    return RecordFile(
        file_sha256=task.provenance["file_sha256"],
        status="loaded",
        rows_read=loaded + rejected.total(),
        rows_loaded=loaded,
        rows_rejected=rejected.total(),
        branches=rows_by_branch(reading.loaded_by_branch, rejected),
        notices=tuple(_notices(reading, book or BookHeads())),
    )


def _take_out_repeats(task: _Task, reading: _Reading, connection: duckdb.DuckDBPyConnection) -> None:
    if not reading.rows_written:
        return
    left = take_out_repeats(
        connection, task.raw_file, reading.rows_written, task.contract, reading.heads, reading.quarantine
    )
    if left:
        reading.loaded_by_branch = loaded_by_branch(connection, task.raw_file)


def _begin(task: _Task, heads: Mapping[str, Head]) -> tuple[_Reading, Engine]:
    _remove(task)
    quarantine = Quarantine(task.quarantine_file, task.contract.dataset.id, task.provenance)
    settler = Settler(task.contract, task.catalogue, task.folder, heads, quarantine)
    engine = Engine(task.contract, task.catalogue, task.folder, task.key, settler, task.provenance)
    return _Reading(settler, quarantine, heads), engine


def _read_by_engine(task: _Task, head: CsvHead, connection: duckdb.DuckDBPyConnection) -> _Reading | None:
    """Let the engine's own parser split the file; None when it refuses, or when it cannot tell in which line a row stands."""
    if head.encoding == "utf-16" or head.has_lone_returns or not hasattr(os, "mkfifo"):
        return None
    reading, engine = _begin(task, {"": head.table})
    with tempfile.TemporaryDirectory() as folder:
        pipe = Path(folder) / "rows"
        os.mkfifo(pipe, 0o600)
        feeder = Feeder(task.path, head, pipe)
        feeder.start()
        try:
            failed = _attempt(lambda: _write(engine, reading, connection, texts_of_pipe(pipe, head), task.raw_file))
        finally:
            feeder.cancel()
        feeder.finish()
    if failed is not None:
        reading.quarantine.close()
        if reading.settler.error is not None and not isinstance(reading.settler.error, Unmarked):
            raise _unquoted(reading.settler.error)
        return None
    rows = reading.rows_written + reading.quarantine.rejected.total() + reading.settler.rows_left_out
    if rows != feeder.lines:
        reading.quarantine.close()
        return None
    return reading


def _read_by_python(task: _Task, head: CsvHead, connection: duckdb.DuckDBPyConnection) -> _Reading:
    """Split the file by Python: slower, for files that are damaged or written in an unusual way."""
    reading, engine = _begin(task, {"": head.table})
    return _write_records(task, reading, engine, connection, lambda: csv_records(task.path, head, reading.settler))


def _read_workbook(task: _Task, connection: duckdb.DuckDBPyConnection) -> tuple[_Reading, BookHeads]:
    book = WorkbookRows(task.path)
    try:
        found = book.heads(task.contract)
        reading, engine = _begin(task, found.heads)
        _write_records(task, reading, engine, connection, lambda: _sheet_rows(book, found, reading.settler))
        return reading, found
    finally:
        book.close()


def _sheet_rows(book: WorkbookRows, found: BookHeads, settler: Settler) -> Iterable[TextRow]:
    for sheet, head in found.heads.items():
        for row in book.rows(sheet, after=head.last_line):
            texts = [str(cell.value) for cell in row.cells]
            texts += [""] * (head.width - len(texts))
            if settler.admits(sheet, row.number, texts):
                yield sheet, row.number, texts


def _write_records(
    task: _Task,
    reading: _Reading,
    engine: Engine,
    connection: duckdb.DuckDBPyConnection,
    rows: Callable[[], Iterable[TextRow]],
) -> _Reading:
    guarded = Guarded(batches(rows(), task.contract, reading.heads))
    records = pa.RecordBatchReader.from_batches(schema_of(task.contract), guarded)
    texts = texts_of_records(task.contract, reading.heads)
    failed = _attempt(lambda: _write(engine, reading, connection, texts, task.raw_file, records))
    failed = guarded.error or reading.settler.error or failed
    if failed is not None:
        reading.quarantine.close()
        raise _unquoted(failed)
    return reading


def _write(
    engine: Engine,
    reading: _Reading,
    connection: duckdb.DuckDBPyConnection,
    texts: Texts,
    raw_file: Path,
    records: pa.RecordBatchReader | None = None,
) -> None:
    reading.rows_written = engine.write(connection, texts, raw_file, records)


def _attempt(work: Callable[[], None]) -> BaseException | None:
    """Do the work; return the engine's error. It may quote what was read, so nothing is ever raised while it is handled."""
    try:
        work()
    except duckdb.Error as error:
        return error
    return None


def _unquoted(error: BaseException) -> BaseException:
    """Return an error that may be raised: one of ours, of the system, or a new one that only names the kind."""
    if isinstance(error, FileFault | OSError | StreamingError | KeyboardInterrupt):
        return error
    return StreamingError(f"reading stopped: {type(error).__name__}").with_traceback(error.__traceback__)


def _notices(reading: _Reading, book: BookHeads) -> Iterable[str]:
    for sheet, head in reading.heads.items():
        where = f"シート「{sheet}」の" if sheet else ""
        if sheet in book.hidden:
            yield f"シート「{sheet}」は非表示ですが、読み込みました。"
        if notes := reading.settler.notes.get(sheet):
            yield f"{where}注記の行（{row_numbers(notes)}行目）は読み飛ばしました。"
        if repeated := reading.settler.repeated_headers.get(sheet):
            yield f"{where}途中の見出し行（{row_numbers(repeated)}行目）は読み飛ばしました。"
        yield from head.notices()
    for sheet in book.others:
        yield f"シート「{sheet}」には必要な列がないため、読み込みませんでした。"
    if reading.settler.zeros_restored:
        yield f"支部コードの先頭の0を補った行が{reading.settler.zeros_restored}行あります。"


def _remove(task: _Task) -> None:
    for path in (task.raw_file, task.quarantine_file):
        path.unlink(missing_ok=True)
