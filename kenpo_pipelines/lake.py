"""The lake: Parquet partitioned by month, each partition replaced as a whole and atomically.

What lives here: where a partition is, and how it is replaced. What does not: what is in it.

A partition is a folder of Parquet files that any engine reads as it is::

    lake/<layer>/<name>/month=YYYY-MM  →  .versions/YYYY-MM-<digest of the content>/*.parquet

``month=…`` is a relative symbolic link. A new version is written beside the old one, flushed, and the link is switched by one
rename, so that a reader (or a process killed at any moment) finds the old partition or the new one, never half of either. The
version is named by its content: writing the same rows again changes nothing. Two writers of one partition wait for each other.
"""

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock

from kenpo_pipelines import fiscal

_LINK_PREFIX = "month="
_VERSIONS = ".versions"
_TEMPORARY = ".tmp-"
_COMPRESSION = "zstd"


class LakeError(Exception):
    """The lake cannot be read or written; the message names the partition and what to do."""


class MissingPartition(LakeError):
    """A partition that a reader needs has not been written yet."""


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
        """Parquet files of one partition, ascending; raise :class:`MissingPartition` when it was never written."""
        folder = self.partition_dir(layer, name, month)
        if not folder.is_dir():
            raise MissingPartition(f"{layer}/{name} has no partition {month}; run `kenpo run --month {month}`")
        return sorted(folder.resolve().glob("*.parquet"))

    def version(self, layer: str, name: str, month: str) -> str:
        """Digest of the partition's content: equal for equal bytes."""
        folder = self.partition_dir(layer, name, month)
        if not folder.is_dir():
            raise MissingPartition(f"{layer}/{name} has no partition {month}; run `kenpo run --month {month}`")
        return folder.resolve().name.removeprefix(f"{month}-")

    def read(self, layer: str, name: str, month: str) -> pa.Table:
        """Read one partition whole. For small results: records are read by the engine."""
        while True:
            version = self.version(layer, name, month)
            try:
                return pa.concat_tables([pq.read_table(path) for path in self.files(layer, name, month)])
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
            _flush(path)
        _flush(staging)
        os.rename(staging, version)
        _flush(version.parent)
    if link.is_symlink() and link.resolve() == version.resolve():
        return
    new_link = link.parent / f"{_TEMPORARY}{link.name}-{uuid.uuid4().hex}"
    os.symlink(Path(_VERSIONS) / version.name, new_link, target_is_directory=True)
    os.replace(new_link, link)
    _flush(link.parent)


def _digest(files: list[Path]) -> str:
    """Digest of names and bytes, so that equal content has an equal version."""
    total = hashlib.sha256()
    for path in files:
        total.update(path.name.encode())
        with path.open("rb") as handle:
            total.update(hashlib.file_digest(handle, "sha256").digest())
    return total.hexdigest()[:32]


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
