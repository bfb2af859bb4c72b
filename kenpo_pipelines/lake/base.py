"""What every lake does: its errors, what it remembers, and reading and writing through a folder of this machine.

What lives here: what does not depend on where partitions lie. What does not: finding and switching them (``folder``,
``objects``).
"""

import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from kenpo_pipelines.lake.wholeness import digest

_SCRATCH = ".scratch"
COMPRESSION = "zstd"
ROW_GROUP = 122_880
"""Rows, DuckDB's own size: what is held while a large partition is written stays small, and threads have groups enough to read.
Every engine writes partitions so."""


class LakeError(Exception):
    """The lake cannot be read or written; the message names the partition and what to do."""


class LakeUnreachable(LakeError, ConnectionError):
    """The store of the lake did not answer, several times over. It may the next time."""


class MissingPartition(LakeError):
    """A partition that a reader needs has not been written yet."""


class DamagedPartition(LakeError):
    """The files of a partition are not as they were written: a disk's fault, or somebody's hand. Its next run heals it."""


@dataclass(frozen=True)
class Made:
    """What is remembered of a dataset's month: from what it was made, and what was said of it (JSON values)."""

    fingerprint: str
    notes: Any = None


@dataclass(frozen=True)
class Held:
    """One file of a committed version on this machine. ``stamp`` (JSON) differs when the file is another one."""

    path: Path
    stamp: list[Any]


@dataclass(frozen=True)
class LakeObject:
    """One object of a version: for engines that read and write the store themselves. Of an object still to be adopted the
    digest may be unknown: '' has it counted then."""

    url: str
    size: int
    sha256: str = ""


class Lake:
    """Partitions addressed by layer, dataset name and month (``YYYY-MM``). ``Lake(folder)`` is the one below a folder."""

    def __new__(cls, *_: Any, **__: Any) -> "Lake":
        """Make the lake below a folder where no other kind is named."""
        if cls is Lake:
            from kenpo_pipelines.lake.folder import FolderLake

            return object.__new__(FolderLake)
        return object.__new__(cls)

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        """The folder of this machine in which partitions, or copies of them, and temporary files lie."""

    # --- what each kind does in its own way ---

    def months(self, layer: str, name: str) -> list[str]:
        """Months that have a committed partition, ascending."""
        raise NotImplementedError

    def files(self, layer: str, name: str, month: str) -> list[Path]:
        """Parquet files of one partition on this machine, ascending by name, their bytes as they were written.

        They are compared with the version's name once per process and whenever their times have changed. Raises
        :class:`MissingPartition` when the partition was never written, :class:`DamagedPartition`.
        """
        raise NotImplementedError

    def version(self, layer: str, name: str, month: str) -> str:
        """Digest of the partition's content: equal for equal bytes. Raises :class:`MissingPartition`."""
        raise NotImplementedError

    def remember(
        self, layer: str, name: str, month: str, fingerprint: str, notes: Any = None, *, version: str | None = None
    ) -> None:
        """Note from what the month was made, as its files are now. Call it when nothing is left to be done about them.

        A dataset without a partition (a view) can be remembered, too. With ``version`` nothing is noted when another
        process has replaced that version already.
        """
        raise NotImplementedError

    def made(self, layer: str, name: str, month: str) -> Made | None:
        """Return what is remembered of the month; None when nothing is, or the files are not as they were then."""
        raise NotImplementedError

    def replace(self, layer: str, name: str, month: str) -> AbstractContextManager[Path]:
        """Give an empty folder to write the new partition's files into, and commit it when the block ends well.

        If the block raises, the old partition stays and the folder is removed. Writers of one machine take turns.
        """
        raise NotImplementedError

    def held(self, layer: str, name: str, month: str) -> Mapping[str, Held]:
        """Return the files of the committed version by name, to be linked into the next one; empty where there is none.

        Their stamps tell whether they are those of another time; their bytes are looked at by who reads them.
        """
        raise NotImplementedError

    def aside(self, layer: str, name: str, month: str) -> Any:
        """Return the JSON value that the month's writer put aside for its next time; None where it is missing or torn."""
        raise NotImplementedError

    def put_aside(self, layer: str, name: str, month: str, value: Any) -> None:
        """Replace what is put aside; None removes it. No reader of the partition sees it."""
        raise NotImplementedError

    def one_look(self) -> AbstractContextManager[None]:
        """Answer in this thread as the lake was when it was first asked inside the block, but for what the block writes.

        For many questions at once, where each would be a request over a network. A folder needs none of that.
        """
        return nullcontext()

    def tidy(self) -> None:
        """Remove what is kept for readers of replaced versions, when its time is over. In a folder nothing is."""

    # --- what all do alike ---

    def is_current(self, layer: str, name: str, month: str, fingerprint: str) -> bool:
        """True when the month was made from just this, and its files are as they were then."""
        made = self.made(layer, name, month)
        return made is not None and made.fingerprint == fingerprint

    def read(self, layer: str, name: str, month: str) -> pa.Table:
        """Read one partition whole. For small results: records are read by the engine."""
        while True:
            version = self.version(layer, name, month)
            try:
                return pa.concat_tables([_read(path) for path in self.files(layer, name, month)])
            except FileNotFoundError:
                if self.version(layer, name, month) == version:
                    raise
                # replaced and removed between finding the files and opening them: the new version is there

    def write(self, layer: str, name: str, month: str, table: pa.Table) -> str:
        """Replace the partition by one table; return its version."""
        with self.replace(layer, name, month) as folder:
            path = folder / "part-0.parquet"
            pq.write_table(table, path, compression=COMPRESSION)
            version = digest([path])
        return version

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give the path of a folder for temporary files (to be made by who needs it), removed when the block ends.

        Folders of killed processes are removed by the next one that asks: their locks are free.
        """
        folder = self.root / _SCRATCH / uuid.uuid4().hex
        lock = FileLock(_lock_of(folder))
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            _remove_abandoned(folder.parent)
            lock.acquire()
        except OSError as error:
            raise LakeError(f"no temporary files can be made in {folder.parent}: {error}") from error
        try:
            yield folder
        finally:
            _remove_scratch(folder)
            lock.release()


def missing(layer: str, name: str, month: str) -> MissingPartition:
    """Return what a reader is told of a partition that was never written."""
    return MissingPartition(f"{layer}/{name} has no partition {month}; run `kenpo run --month {month}`")


def damaged(layer: str, name: str, month: str, where: object) -> DamagedPartition:
    """Return what a reader is told of files that are not as they were written."""
    return DamagedPartition(
        f"{layer}/{name} month {month} is damaged: the files in {where} are not as they were written. "
        f"Nothing was made from them; `kenpo run --month {month}` makes them anew"
    )


def _read(path: Path) -> pa.Table:
    with pq.ParquetFile(path) as file:  # not read_table: it imports pandas
        return file.read()


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def _remove_scratch(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    _lock_of(folder).unlink(missing_ok=True)


def _remove_abandoned(base: Path) -> None:
    for lock in base.glob("*.lock"):
        with suppress(Timeout, OSError), FileLock(lock, blocking=False):
            _remove_scratch(lock.with_suffix(""))
