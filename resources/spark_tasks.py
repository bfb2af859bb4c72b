"""What Spark's executors do with a lake in an object store: fetch objects and read them, write objects and tell of them.

What lives here: functions that run inside of tasks. What does not: which objects, and what their faults mean for the run
(``spark_objects``).

Functions are sent to the executors by value, with the few of ``object_store`` that they use: an executor needs pyarrow, fsspec
and the store's driver (s3fs) beside pyspark, and not this project. What a driver, pyarrow or the system says in an error may
quote secrets, or values of rows, and Spark carries texts of errors to many places: only ours are raised.
"""

import hashlib
import os
import random
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from kenpo_pipelines.object_store import code_of, is_of_this_machine, is_passing, open_store

Batches = Iterator[pa.RecordBatch]
StoredObject = tuple[str, int, str]
"""URL, size in bytes, SHA-256 in hex."""

_PART = 16 << 20
"""Bytes that are asked for at once, and held."""
_PARTS_AT_ONCE = 2
"""When an object is put."""
_ROWS_AT_ONCE = 10_000
_WAITS_S = (0.5, 1, 2)
_PATIENCE_S = 60
"""No attempt begins later than this after the first, as in ``object_store``; its tenacity is nothing that an executor needs."""

MARK = "kenpo-lake"
NOT_AS_WRITTEN, UNREACHABLE, REFUSED, DISK, BROKEN = "not-as-written", "unreachable", "refused", "disk", "broken"

WRITTEN = pa.schema(
    [
        ("part", pa.int32()),
        ("url", pa.string()),
        ("size", pa.int64()),
        ("sha256", pa.string()),
        ("rows", pa.int64()),
    ]
)
"""What a task tells of the object that it wrote."""


class TaskFault(Exception):
    """A fault of a task in one line that may be told to anybody: mark, kind, the cause's class and the object's URL."""

    def __init__(self, kind: str, cause: str, url: str) -> None:
        super().__init__(f"{MARK}:{kind}:{cause}:{url}")
        self.kind = kind


def _fault_of(error: Exception, url: str) -> TaskFault:
    """Return what the store's driver, or this machine, says of an object."""
    cause = type(error).__name__
    code = code_of(error)
    if code == "InvalidRange" or (isinstance(error, FileNotFoundError) and code != "NoSuchBucket"):
        return TaskFault(NOT_AS_WRITTEN, cause, url)
    if is_passing(error):
        return TaskFault(UNREACHABLE, cause, url)
    return TaskFault(REFUSED, cause, url)


# --- reading ---


def reader(tasks: Sequence[Sequence[StoredObject]], step: int, schema: pa.Schema) -> Callable[[Batches], Batches]:
    """Return the function that gives the rows of the objects of a task, whose number is ``id / step`` of a row that it gets."""

    def read(batches: Batches) -> Batches:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                for url, size, sha256 in tasks[number // step]:
                    yield from rows_of(url, size, sha256, schema)

    return read


def rows_of(url: str, size: int, sha256: str, schema: pa.Schema) -> Batches:
    """Fetch an object, compare its digest and give its rows with the columns of the schema. Raises TaskFault."""
    with _told(url), _fetched(url, size, sha256) as parquet:
        for batch in parquet.iter_batches(batch_size=_ROWS_AT_ONCE, columns=schema.names):
            yield batch if batch.schema.equals(schema) else batch.cast(schema)


def _fetched(url: str, size: int, sha256: str) -> pq.ParquetFile:
    """Return an object as an open file of this machine that has no name any more: whatever happens, nothing is left of it."""
    system, path = open_store(url)
    with NamedTemporaryFile(prefix="kenpo-", dir=_folder()) as file:
        for _ in range(2):  # bytes may be hurt on their way, too
            file.seek(0)
            file.truncate()
            total = hashlib.sha256()
            for start in range(0, size, _PART):
                ask = partial(system.cat_file, path, start=start, end=min(start + _PART, size))
                body = patiently(ask, url)
                total.update(body)
                file.write(body)
            if total.hexdigest() == sha256:
                file.flush()
                return pq.ParquetFile(file.name)
    raise TaskFault(NOT_AS_WRITTEN, "digest", url)


# --- writing ---


def writer(url: str, schema: pa.Schema, compression: str, row_group: int) -> Callable[[Batches], Batches]:
    """Return the function that writes the rows of a task into an object below the URL, and tells of it (:data:`WRITTEN`).

    A task without rows writes nothing. One that runs twice writes another object each time: what the failed one wrote is told
    to nobody.
    """

    def write(batches: Batches) -> Batches:
        from pyspark import TaskContext

        context = TaskContext.get()
        assert context is not None, "it runs inside of a task"
        yield from write_rows(batches, context.partitionId(), url, schema, compression, row_group)

    return write


def write_rows(
    batches: Batches, part: int, url: str, schema: pa.Schema, compression: str, row_group: int
) -> Iterator[pa.RecordBatch]:
    """Write the rows into one new object below the URL; give one row that tells of it, none where there are no rows."""
    target = f"{url}/part-{part:05d}-{uuid.uuid4().hex}.parquet"
    with _told(target), NamedTemporaryFile(prefix="kenpo-", dir=_folder()) as file:
        rows = _write_file(file.name, batches, schema, compression, row_group)
        if not rows:
            return
        with Path(file.name).open("rb") as written:
            sha256 = hashlib.file_digest(written, "sha256").hexdigest()
            size = written.tell()
        system, path = open_store(target)
        in_parts = {"chunksize": _PART, "max_concurrency": _PARTS_AT_ONCE} if "s3" in system.protocol else {}
        patiently(partial(system.put_file, file.name, path, **in_parts), target)
    yield pa.RecordBatch.from_pylist(
        [{"part": part, "url": target, "size": size, "sha256": sha256, "rows": rows}], schema=WRITTEN
    )


def _write_file(path: str, batches: Batches, schema: pa.Schema, compression: str, row_group: int) -> int:
    """Write Parquet in full row groups, however the rows come in batches: equal rows are equal bytes, and one group is held."""
    rows = 0
    held = schema.empty_table()
    with pq.ParquetWriter(path, schema, compression=compression, store_schema=False) as parquet:
        for batch in batches:
            rows += batch.num_rows
            held = pa.concat_tables([held, pa.Table.from_batches([batch]).cast(schema)])
            while held.num_rows >= row_group:
                parquet.write_table(held.slice(0, row_group).combine_chunks(), row_group)
                held = held.slice(row_group)
        if held.num_rows:
            parquet.write_table(held.combine_chunks(), row_group)
    return rows


# --- faults ---


def patiently(work: Callable[[], Any], url: str) -> Any:
    """Do the work, again with back-off after a passing fault; raise TaskFault."""
    until = time.monotonic() + _PATIENCE_S
    waits = iter(_WAITS_S)
    while True:
        try:
            return work()
        except Exception as error:  # noqa: BLE001 (drivers raise errors of their own libraries)
            fault = _fault_of(error, url)
            wait = next(waits, None)
            if fault.kind != UNREACHABLE or wait is None or time.monotonic() > until:
                raise fault from None
        time.sleep(wait * random.uniform(0.75, 1.25))  # many tasks ask at once


@contextmanager
def _told(url: str) -> Iterator[None]:
    """Raise every error as one of ours, without its text."""
    try:
        yield
    except TaskFault:
        raise
    except Exception as error:  # noqa: BLE001 (whatever it is: its text may quote values)
        kind = DISK if is_of_this_machine(error) else REFUSED if isinstance(error, ImportError) else BROKEN
        raise TaskFault(kind, type(error).__name__, url) from None


def _folder() -> str | None:
    """Return one of the folders for temporary files that Spark gives its tasks and removes with the application."""
    folders = [one for one in os.environ.get("SPARK_LOCAL_DIRS", "").split(",") if Path(one).is_dir()]
    return random.choice(folders) if folders else None
