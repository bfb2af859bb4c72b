"""Landing in an object store: what lies there, one object fetched, one file put.

What lives here: everything that is asked of the store, and what its errors mean for who submits. What does not: which errors
pass (``object_store``), the local mirror of it (``landing_mirror``), which a run reads. Objects have the names that files in a
landing folder have, ``<prefix>/<dataset>/<folder>/<file>``.
"""

import datetime as dt
import hashlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from kenpo_pipelines.object_store import is_of_this_machine, is_passing, open_store, patiently, written_at
from kenpo_pipelines.settings import Settings
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.faults import FileFault, detail
from kenpo_pipelines.submissions.landing import LandingError, check_name, folder_pattern, is_ignored, names_for
from kenpo_pipelines.submissions.listing import Listed, Listing, Place
from kenpo_pipelines.submissions.outside import is_fit, sha256, shown_name

Result = TypeVar("Result")

_CHUNK = 1 << 20
_LONGEST_NAME = 255
"""Bytes; what file systems take."""
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class LandingUnreachable(LandingError, ConnectionError):
    """The store did not answer, several times over. It may the next time."""


@dataclass(frozen=True)
class LandingStore:
    """The object store in which files land. ``url`` carries no secret (``settings`` sees to that), so it may be shown."""

    url: str

    def listing(self, contracts: Mapping[str, Contract]) -> Listing:
        """Return all submissions in the store, and what no run will read: misplaced objects, and names that no file can have.

        Raises LandingUnreachable; LandingError where there is no such store or it may not be read. An upload in parts that is
        not complete is not there yet.
        """
        files: dict[Place, list[Listed]] = {}
        unread: set[str] = set()
        for path, info in self._objects("").items():
            parts = path.split("/")
            if not all(map(_is_possible, parts)):
                unread.add(shown_name(path))
            elif not any(map(is_ignored, parts)):
                is_place = len(parts) > 2 and _is_place(contracts, parts[0], parts[1])
                if is_place and len(parts) == 3:
                    files.setdefault((parts[0], parts[1]), []).append(_listed(parts[2], info))
                else:
                    unread.add(shown_name("/".join(parts[: 3 if is_place else 2])))
        return Listing(
            {place: tuple(sorted(found, key=_name)) for place, found in files.items()}, tuple(sorted(unread))
        )

    def folder(self, place: Place) -> list[Listed]:
        """Return the submissions of one place, by name; raises as :meth:`listing` does."""
        found = self._objects("/".join(place))
        return sorted((_listed(name, info) for name, info in found.items() if _is_submission(name)), key=_name)

    def folders(self, contract: Contract) -> list[str]:
        """Return the names of the dataset's folders that hold objects, ascending; raises as :meth:`listing` does."""
        names = {path.partition("/")[0] for path in self._objects(contract.dataset.id)}
        return sorted(name for name in names if re.fullmatch(folder_pattern(contract), name))

    def fetch(self, place: Place, name: str, target: Path) -> int:
        """Write an object's content to a file, flushed to disk; return its size in bytes.

        Raises as :meth:`listing` does, and FileNotFoundError where the object is gone.
        """

        def copy() -> int:
            with self._system.open(self._path(*place, name), "rb") as source, target.open("wb") as out:
                while chunk := source.read(_CHUNK):
                    out.write(chunk)
                out.flush()
                os.fsync(out.fileno())
                return out.tell()

        return self._told(copy, may_be_gone=True)

    def put(self, source: Path, contract: Contract, folder: str, name: str | None = None) -> tuple[str, bool]:
        """Copy a file into the store; return its URL and whether it is new (False: the same bytes are there).

        Names are given as in a landing folder: nothing is overwritten, a resubmission is put beside the first as
        ``<name>.r2.<suffix>``. An object appears when it is whole. Raises LandingError.
        """
        name = name or source.name
        check_name(name)
        place = (contract.dataset.id, folder)
        try:
            digest, size = sha256(source), source.stat().st_size
        except FileFault as fault:
            raise LandingError(detail(fault.code, fault.expected)) from fault
        there = {one.name: one.size for one in self.folder(place)}
        for other, its_size in there.items():
            if its_size == size and self._sha256(place, other) == digest:
                return self._shown(*place, other), False
        for free in (one for one in names_for(name) if one not in there):
            if self._create(source, self._path(*place, free)):
                return self._shown(*place, free), True
            if self._sha256(place, free) == digest:  # an attempt of ours whose answer was lost, or a twin
                return self._shown(*place, free), False
        raise AssertionError("names do not end")

    def _create(self, source: Path, path: str) -> bool:
        """Put a file where nothing is; False where somebody else was quicker (for stores that can tell: s3)."""

        def upload() -> bool:
            self._system.makedirs(str(PurePosixPath(path).parent), exist_ok=True)
            try:
                self._system.put_file(str(source), path, mode="create")
            except FileExistsError:
                return False
            return True

        return self._told(upload)

    def _sha256(self, place: Place, name: str) -> str:
        def digest() -> str:
            with self._system.open(self._path(*place, name), "rb") as handle:
                return hashlib.file_digest(handle, "sha256").hexdigest()

        return self._told(digest)

    def _objects(self, below: str) -> dict[str, dict[str, Any]]:
        """Return what the store tells of every object below, by path relative to it."""
        start = self._path(*filter(None, [below]))

        def find() -> dict[str, dict[str, Any]]:
            self._require_place()
            return dict(self._system.find(start, detail=True))

        found = self._told(find)
        prefix = f"{start.rstrip('/')}/"
        # a name that ends with / stands for a folder, in the stores that have none
        return {
            path.removeprefix(prefix): info
            for path, info in found.items()
            if path.startswith(prefix) and not path.endswith("/")
        }

    def _require_place(self) -> None:
        """Raise FileNotFoundError where the place itself is missing, which must not look like one that is empty.

        Of s3 the bucket must exist, and listing tells when it does not; a prefix is there as soon as something has it.
        """
        protocols = self._system.protocol
        if "s3" not in protocols and not self._system.exists(self._root):
            raise FileNotFoundError(self.url)

    def _path(self, *parts: str) -> str:
        return "/".join([self._root.rstrip("/"), *parts])

    def _shown(self, *parts: str) -> str:
        return "/".join([self.url.rstrip("/"), *parts])

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        try:
            return open_store(self.url)
        except (ImportError, ValueError) as error:
            raise LandingError(
                f"KENPO_LANDING_URL={self.url}: この種類の提出先は使えません（{type(error).__name__}）"
            ) from None

    @property
    def _system(self) -> Any:
        return self._opened[0]

    @property
    def _root(self) -> str:
        return self._opened[1]

    def _told(self, work: Callable[[], Result], *, may_be_gone: bool = False) -> Result:
        """Do the work, again with back-off after a passing fault; raise LandingUnreachable or LandingError.

        Errors of the drivers may quote addresses and answers, so their text stays out; their class and the place are told. What
        this machine's disk says is raised as it is.
        """
        try:
            return patiently(work)
        except LandingError:
            raise
        except Exception as error:  # drivers raise errors of their own libraries
            if is_of_this_machine(error) or (may_be_gone and isinstance(error, FileNotFoundError)):
                raise
            told = f"提出先 {self.url} {{}}（{type(error).__name__}）。{{}}"
            if is_passing(error):
                raise LandingUnreachable(
                    told.format("につながりません", "時間をおいて、もう一度実行してください")
                ) from None
            reason = "が見つかりません" if isinstance(error, FileNotFoundError) else "が使えません"
            raise LandingError(
                told.format(reason, "KENPO_LANDING_URL と、環境変数にある認証情報とその権限を確かめてください")
            ) from None


def landing_of(settings: Settings) -> Path | LandingStore:
    """Return where files land: the folder, or the store where ``KENPO_LANDING_URL`` names one."""
    return settings.landing_dir if settings.landing_url is None else LandingStore(settings.landing_url)


def _is_place(contracts: Mapping[str, Contract], dataset: str, folder: str) -> bool:
    contract = contracts.get(dataset)
    return contract is not None and re.fullmatch(folder_pattern(contract), folder) is not None


def _is_submission(path: str) -> bool:
    return "/" not in path and not is_ignored(path) and _is_possible(path)


def _is_possible(name: str) -> bool:
    """True when an object's name, or a part of it, can be the name of a file in a folder: no way leads out of it."""
    return (
        name not in ("", ".", "..")
        and not {"/", "\\", "\0"} & set(name)
        and is_fit(name)
        and len(name.encode()) <= _LONGEST_NAME
    )


def _listed(name: str, info: Mapping[str, Any]) -> Listed:
    return Listed(name, int(info["size"]), _modified_ns(info))


def _name(listed: Listed) -> str:
    return listed.name


def _modified_ns(info: Mapping[str, Any]) -> int:
    """Return when the object was written, to the microsecond, in nanoseconds since 1970."""
    modified = written_at(info)
    if modified is None:
        raise LandingError("提出先は、ファイルがいつ書かれたかを返さない種類のため使えません")
    return (modified - _EPOCH) // dt.timedelta(microseconds=1) * 1000
