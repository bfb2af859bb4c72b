"""A lake below one folder: a partition is a link that one rename switches (docs/decisions/001).

What lives here: links, versions and what is remembered, as files. What does not: what every lake does (``base``). A partition
is a folder of Parquet files that any engine reads as it is::

    lake/<layer>/<name>/month=YYYY-MM  →  .versions/YYYY-MM-<digest of the content>/*.parquet

``month=…`` is a relative symbolic link. A new version is written beside the old one, flushed, and the link is switched by one
rename. Two writers of one partition wait for each other.
"""

import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock

from kenpo_pipelines import fiscal
from kenpo_pipelines.disk import flush
from kenpo_pipelines.lake.base import Held, Lake, LakeError, Made, damaged, missing
from kenpo_pipelines.lake.wholeness import digest, digest_in_name, is_whole

_LINK_PREFIX = "month="
_VERSIONS = ".versions"
_TEMPORARY = ".tmp-"
_MEMORY = ".made-"
_ASIDE = ".files-"


class FolderLake(Lake):
    """A lake below one folder."""

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
        """Parquet files of one partition, ascending, their bytes as they were written."""
        while True:
            folder = self._version_dir(layer, name, month)
            with suppress(FileNotFoundError):  # replaced and removed meanwhile
                files = sorted(folder.glob("*.parquet"))
                if is_whole(folder, files):
                    return files
            if self._version_dir(layer, name, month) == folder:
                self._doubt(folder)
                raise damaged(layer, name, month, folder)

    def version(self, layer: str, name: str, month: str) -> str:
        """Digest of the partition's content: equal for equal bytes."""
        return digest_in_name(self._version_dir(layer, name, month))

    def _version_dir(self, layer: str, name: str, month: str) -> Path:
        folder = self.partition_dir(layer, name, month)
        if not folder.is_dir():
            raise missing(layer, name, month)
        return folder.resolve()

    def _doubt(self, folder: Path) -> None:
        """Give the files a new time, by which whoever remembers them as they were trusts them no more.

        Where that is refused (a read-only lake) they are found damaged again by the next reader.
        """
        for path in folder.glob("*.parquet"):
            with suppress(OSError):
                os.utime(path)

    def held(self, layer: str, name: str, month: str) -> Mapping[str, Held]:
        """Return the files of the committed version by name, stamped by size and time."""
        found = {}
        for path in self.partition_dir(layer, name, month).resolve().glob("*.parquet"):
            with suppress(OSError):
                status = path.stat()
                found[path.name] = Held(path, [status.st_size, status.st_mtime_ns])
        return found

    def aside(self, layer: str, name: str, month: str) -> Any:
        """Return the JSON value that the month's writer put aside for its next time; None where it is missing or torn."""
        try:
            return json.loads(self._aside(layer, name, month).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def put_aside(self, layer: str, name: str, month: str, value: Any) -> None:
        """Replace what is put aside; None removes it. No reader of the partition sees it."""
        path = self._aside(layer, name, month)
        if value is None:
            path.unlink(missing_ok=True)
            return
        temporary = path.with_name(f"{path.name}.new")
        with FileLock(path.with_name(f"{path.name}.lock")):
            temporary.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
            os.replace(temporary, path)

    def _aside(self, layer: str, name: str, month: str) -> Path:
        fiscal.split_month(month)
        return self.dataset_dir(layer, name) / f"{_ASIDE}{month}.json"

    def remember(
        self, layer: str, name: str, month: str, fingerprint: str, notes: Any = None, *, version: str | None = None
    ) -> None:
        """Note from what the month was made, as its files are now. Call it when nothing is left to be done about them."""
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
    def replace(self, layer: str, name: str, month: str) -> Iterator[Path]:
        """Give an empty folder to write the new partition's files into, and commit it when the block ends well."""
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
    version = link.parent / _VERSIONS / f"{month}-{digest(files)}"
    if version.is_dir() and digest(sorted(version.glob("*.parquet"))) != digest(files):
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
