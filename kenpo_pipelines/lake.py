"""The lake: Parquet partitioned by month, each partition replaced as a whole and atomically.

What lives here: where a partition is, and how it is replaced. What does not: what is in it.

A partition is a folder of Parquet files that any engine reads as it is::

    lake/<layer>/<name>/month=YYYY-MM  →  .versions/YYYY-MM-<digest of the content>/*.parquet

``month=…`` is a relative symbolic link. A new version is written beside the old one, flushed, and the link is switched by one
rename, so that a reader (or a process killed at any moment) finds the old partition or the new one, never half of either. The
version is named by its content: writing the same rows again changes nothing. Two writers of one partition wait for each other.

Beside the versions, ``remember`` keeps of each month from what it was made (a fingerprint) and what was said of it (notes).
That is a promise that may be lost and is never a wrong one: where it is missing or torn, or the files are not as they were, the
month is not current and is made again.

What was committed is read as it was written or not at all: files whose bytes are not those that gave the version its name raise
:class:`DamagedPartition`, and the month is no longer current, so that its next run makes it anew.
"""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from kenpo_pipelines import fiscal
from kenpo_pipelines.disk import flush

_LINK_PREFIX = "month="
_VERSIONS = ".versions"
_TEMPORARY = ".tmp-"
_MEMORY = ".made-"
_SCRATCH = ".scratch"
_COMPRESSION = "zstd"
_PARTITIONS_KNOWN = 16_384
"""How many partitions a process remembers to have checked: over 36 months of some 100 each, and a few megabytes."""


class LakeError(Exception):
    """The lake cannot be read or written; the message names the partition and what to do."""


class MissingPartition(LakeError):
    """A partition that a reader needs has not been written yet."""


class DamagedPartition(LakeError):
    """The files of a partition are not as they were written: a disk's fault, or somebody's hand. Its next run heals it."""


@dataclass(frozen=True)
class Made:
    """What is remembered of a dataset's month: from what it was made, and what was said of it (JSON values)."""

    fingerprint: str
    notes: Any = None


class Lake:
    """A lake below one folder. Partitions are addressed by layer, dataset name and month (``YYYY-MM``)."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def dataset_dir(self, layer: str, name: str) -> Path:
        """Folder that holds all months of a dataset."""
        return self.root / layer / name

    def partition_dir(self, layer: str, name: str, month: str) -> Path:
        """Folder (a link) through which the month's current version is read."""
        fiscal.split_month(month)
        return self.dataset_dir(layer, name) / f"{_LINK_PREFIX}{month}"

    def months(self, layer: str, name: str) -> list[str]:
        """Months that have a committed partition, ascending."""
        folder = self.dataset_dir(layer, name)
        if not folder.is_dir():
            return []
        return sorted(path.name.removeprefix(_LINK_PREFIX) for path in folder.glob(f"{_LINK_PREFIX}*"))

    def files(self, layer: str, name: str, month: str) -> list[Path]:
        """Parquet files of one partition, ascending, their bytes as they were written.

        They are compared with the version's name once per process and whenever their times have changed. Raises
        :class:`MissingPartition` when the partition was never written, :class:`DamagedPartition`.
        """
        while True:
            folder = self._version_dir(layer, name, month)
            with suppress(FileNotFoundError):  # replaced and removed meanwhile
                files = sorted(folder.glob("*.parquet"))
                if _is_whole(folder, tuple(_Stamp.of(path) for path in files)):
                    return files
            if self._version_dir(layer, name, month) == folder:
                self._doubt(folder)
                raise DamagedPartition(
                    f"{layer}/{name} month {month} is damaged: the files in {folder} are not as they were written. "
                    f"Nothing was made from them; `kenpo run --month {month}` makes them anew"
                )

    def version(self, layer: str, name: str, month: str) -> str:
        """Digest of the partition's content: equal for equal bytes."""
        return _digest_in_name(self._version_dir(layer, name, month))

    def _version_dir(self, layer: str, name: str, month: str) -> Path:
        folder = self.partition_dir(layer, name, month)
        if not folder.is_dir():
            raise MissingPartition(f"{layer}/{name} has no partition {month}; run `kenpo run --month {month}`")
        return folder.resolve()

    def _doubt(self, folder: Path) -> None:
        """Give the files a new time, by which whoever remembers them as they were trusts them no more.

        Where that is refused (a read-only lake) they are found damaged again by the next reader.
        """
        for path in folder.glob("*.parquet"):
            with suppress(OSError):
                os.utime(path)

    def remember(
        self, layer: str, name: str, month: str, fingerprint: str, notes: Any = None, *, version: str | None = None
    ) -> None:
        """Note from what the month was made, as its files are now. Call it when nothing is left to be done about them.

        A dataset without a partition (a view) can be remembered, too. With ``version`` nothing is noted when another
        process has replaced that version already.
        """
        path = self._memory(layer, name, month)
        temporary = path.with_name(f"{_TEMPORARY}{path.stem}-{uuid.uuid4().hex}")
        try:
            state = self._state(layer, name, month)
            if version is not None and state["version"] != f"{month}-{version}":
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            for left in path.parent.glob(f"{_TEMPORARY}{path.stem}-*"):
                left.unlink(missing_ok=True)
            with temporary.open("w", encoding="utf-8") as handle:
                json.dump({"fingerprint": fingerprint, "notes": notes, "state": state}, handle, ensure_ascii=False)
                handle.flush()
                os.fsync(handle.fileno())
            os.replace(temporary, path)
        except FileNotFoundError:
            return  # another process works on the same month: what is not noted is made again
        except OSError as error:
            raise LakeError(f"{layer}/{name} month {month}: what it was made from was not noted: {error}") from error
        finally:
            temporary.unlink(missing_ok=True)

    def made(self, layer: str, name: str, month: str) -> Made | None:
        """Return what is remembered of the month; None when nothing is, or the files are not as they were then."""
        try:
            known = json.loads(self._memory(layer, name, month).read_text(encoding="utf-8"))
            if known["state"] != self._state(layer, name, month):
                return None
            return Made(str(known["fingerprint"]), known["notes"])
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def is_current(self, layer: str, name: str, month: str, fingerprint: str) -> bool:
        """True when the month was made from just this, and its files are as they were then."""
        made = self.made(layer, name, month)
        return made is not None and made.fingerprint == fingerprint

    def _memory(self, layer: str, name: str, month: str) -> Path:
        fiscal.split_month(month)
        return self.dataset_dir(layer, name) / _VERSIONS / f"{_MEMORY}{month}.json"

    def _state(self, layer: str, name: str, month: str) -> dict[str, Any]:
        """Return where the link points and, by name, size and time of every file there, as JSON gives it back."""
        link = self.partition_dir(layer, name, month)
        if not link.is_symlink():
            return {"version": "", "files": {}}
        files = {}
        for path in link.resolve().iterdir():
            status = path.stat()
            files[path.name] = [status.st_size, status.st_mtime_ns]
        return {"version": link.readlink().name, "files": files}

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
            pq.write_table(table, path, compression=_COMPRESSION)
            version = _digest([path])
        return version

    @contextmanager
    def replace(self, layer: str, name: str, month: str) -> Iterator[Path]:
        """Give an empty folder to write the new partition's files into, and commit it when the block ends well.

        If the block raises, the old partition stays and the folder is removed.
        """
        link = self.partition_dir(layer, name, month)
        versions = link.parent / _VERSIONS
        staging = versions / f"{_TEMPORARY}{month}-{uuid.uuid4().hex}"
        try:
            versions.mkdir(parents=True, exist_ok=True)
            with FileLock(versions / f".lock-{month}"):
                staging.mkdir()
                yield staging
                _commit(staging, link, month)
                _remove_others(link, month)
        except OSError as error:
            raise LakeError(f"{layer}/{name} month {month} was not written, the old one stands: {error}") from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)


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


def _commit(staging: Path, link: Path, month: str) -> None:
    """Flush the files, give the version its name, switch the link. Every step but the last leaves the old partition."""
    files = sorted(staging.glob("*.parquet"))
    if not files:
        raise LakeError(f"{link}: a partition needs at least one Parquet file (an empty one has no rows but columns)")
    version = link.parent / _VERSIONS / f"{month}-{_digest(files)}"
    if version.is_dir() and _digest(sorted(version.glob("*.parquet"))) != _digest(files):
        # damaged from outside: its name promises content that it no longer has
        os.rename(version, version.with_name(f"{_TEMPORARY}{month}-{uuid.uuid4().hex}"))
    if not version.is_dir():
        for path in files:
            flush(path)
        flush(staging)
        os.rename(staging, version)
        flush(version.parent)
    if link.is_symlink() and link.resolve() == version.resolve():
        return
    new_link = link.parent / f"{_TEMPORARY}{link.name}-{uuid.uuid4().hex}"
    os.symlink(Path(_VERSIONS) / version.name, new_link, target_is_directory=True)
    os.replace(new_link, link)
    flush(link.parent)


@dataclass(frozen=True)
class _Stamp:
    """A file as it was when it was looked at."""

    name: str
    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> "_Stamp":
        status = path.stat()
        return cls(path.name, status.st_ino, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=_PARTITIONS_KNOWN)
def _is_whole(folder: Path, stamps: tuple[_Stamp, ...]) -> bool:
    """True when the files have the bytes that the version's name promises; the stamps decide whether to look again."""
    return _digest([folder / stamp.name for stamp in stamps]) == _digest_in_name(folder)


def _digest_in_name(version: Path) -> str:
    """Return the digest in the name of a version's folder, ``YYYY-MM-<digest>``."""
    return version.name.rpartition("-")[2]


def _digest(files: Sequence[Path]) -> str:
    """Digest of names and bytes, so that equal content has an equal version."""
    total = hashlib.sha256()
    for path in files:
        total.update(path.name.encode())
        with path.open("rb") as handle:
            total.update(hashlib.file_digest(handle, "sha256").digest())
    return total.hexdigest()[:32]


def _remove_others(link: Path, month: str) -> None:
    """Remove what earlier commits and killed processes of this month left; a reader that has files open keeps them.

    A version is renamed before it is removed: a half-removed folder must never bear the name of whole content.
    """
    current = link.resolve()
    for path in (link.parent / _VERSIONS).iterdir():
        if path == current or not path.name.startswith((f"{month}-", f"{_TEMPORARY}{month}-")):
            continue
        doomed = path.with_name(f"{_TEMPORARY}{month}-{uuid.uuid4().hex}")
        os.rename(path, doomed)
        shutil.rmtree(doomed, ignore_errors=True)
    for path in link.parent.glob(f"{_TEMPORARY}{link.name}-*"):
        path.unlink(missing_ok=True)
