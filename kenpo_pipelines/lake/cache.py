"""Copies of versions of an object store's lake on this machine: fetched once, looked through before they are read.

What lives here: a folder for each version, shared by the processes of the machine, and when it goes. What does not: fetching
(``objects``). A version is immutable and bears its content's name, so a copy is right or it is thrown away; all of them may be
removed at any time, except while something runs.
"""

import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

from kenpo_pipelines.lake.place import Place
from kenpo_pipelines.lake.wholeness import is_whole

_TEMPORARY = ".tmp-"
_UNUSED_S = 7 * 86_400
"""For how long a copy is kept that nobody asks for."""


class VersionCache:
    """Folders ``<layer>/<name>/<YYYY-MM>-<digest>`` below a root. A copy that was replaced stays for ``keep_s`` unused."""

    def __init__(self, root: Path, keep_s: float) -> None:
        self._root = root
        self._keep_s = keep_s
        self._is_swept = False

    def find(self, place: Place, version: str) -> list[Path] | None:
        """Return the files of a version, ascending, their bytes as its name promises; None where there is no such copy.

        A damaged one stays until another is put in its place: who only looks must not remove what somebody else just put.
        """
        folder = self._folder(place, version)
        with suppress(FileNotFoundError):
            files = sorted(folder.glob("*.parquet"))
            if files and is_whole(folder, files):
                os.utime(folder)  # used now
                return files
        return None

    def fill(self, place: Place, version: str, fetch: Callable[[Path], None]) -> list[Path]:
        """Have a version fetched into a folder and return its files; waits for another process that puts copies of the month.

        Raises FileNotFoundError when what was fetched is not the version, OSError as it comes.
        """
        folder = self._folder(place, version)
        folder.parent.mkdir(parents=True, exist_ok=True)
        fetched = f"{_TEMPORARY}fetched-{place.month}-"
        with self._alone(folder, place):
            if (files := self.find(place, version)) is not None:
                return files
            _remove_all(folder.parent, fetched)
            temporary = folder.parent / f"{fetched}{uuid.uuid4().hex}"
            try:
                temporary.mkdir()
                fetch(temporary)
                _put(temporary, folder)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
            self._remove_old(place, folder)
        files = self.find(place, version)
        if files is None:
            raise FileNotFoundError(folder)
        return files

    @contextmanager
    def staging(self, place: Place) -> Iterator[Path]:
        """Give an empty folder for the month's next version, removed when the block ends; the next asker waits for that."""
        parent = self._folder(place, "").parent
        parent.mkdir(parents=True, exist_ok=True)
        written = f"{_TEMPORARY}written-{place.month}-"
        with FileLock(parent / f".lock-{place.month}"):
            _remove_all(parent, written)
            folder = parent / f"{written}{uuid.uuid4().hex}"
            folder.mkdir()
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def keep(self, place: Place, version: str, staging: Path) -> None:
        """Make the copy of a version of the files that were written; what reads next has no need to fetch it."""
        folder = self._folder(place, version)
        with self._alone(folder, place):
            if self.find(place, version) is None:
                _put(staging, folder)
            self._remove_old(place, folder)

    def _alone(self, folder: Path, place: Place) -> FileLock:
        """The lock under which copies of the month are put."""
        return FileLock(folder.parent / f".lock-fetch-{place.month}")

    def _folder(self, place: Place, version: str) -> Path:
        return self._root / place.layer / place.name / f"{place.month}-{version}"

    def _remove_old(self, place: Place, current: Path) -> None:
        """Remove copies of the month's earlier versions that nobody has used for long; once in a process, of all others."""
        now = time.time()
        for path in current.parent.glob(f"{place.month}-*"):
            if path != current:
                _remove_unused(path, now - self._keep_s)
        if not self._is_swept:
            self._is_swept = True
            for path in self._root.glob("*/*/[0-9]*-*"):
                _remove_unused(path, now - max(_UNUSED_S, self._keep_s))


def _put(source: Path, folder: Path) -> None:
    """Give a folder its name, in place of a damaged one; the caller holds the lock under which that is done."""
    if folder.is_dir():
        _remove(folder)
    os.rename(source, folder)


def _remove_unused(folder: Path, since: float) -> None:
    with suppress(OSError):
        if folder.stat().st_mtime < since:
            _remove(folder)


def _remove(folder: Path) -> None:
    """Rename, then remove: half a folder must never bear the name of whole content."""
    doomed = folder.with_name(f"{_TEMPORARY}old-{uuid.uuid4().hex}")
    os.rename(folder, doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def _remove_all(parent: Path, prefix: str) -> None:
    """Remove what killed processes left; the caller holds the lock under which such folders are made."""
    for path in parent.glob(f"{prefix}*"):
        shutil.rmtree(path, ignore_errors=True)
