"""The object store in which a lake lies: objects put, got, found and removed, and what the store's errors mean.

What lives here: one request or transfer, tried again while its fault passes. What does not: what the objects are (``objects``).
Keys are paths below the lake's URL. Errors of drivers may quote addresses and answers, so their text stays out of messages;
their class and the place are told.
"""

import datetime as dt
import errno
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from kenpo_pipelines.lake.base import LakeError, LakeUnreachable
from kenpo_pipelines.object_store import code_of, is_of_this_machine, is_passing, open_store, patiently, written_at

Result = TypeVar("Result")

_PART = 16 << 20
_PARTS_AT_ONCE = 2
"""Of one file; with as many files at once as the lake transfers, this bounds memory."""
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Found:
    """What a listing tells of an object. ``etag`` is '' where the store has none; ``modified``, in UTC, is the time of the
    listing where it does not say: never old enough to be removed."""

    size: int
    etag: str
    modified: dt.datetime


class LakeStore:
    """The objects below a URL that carries no secret (``settings`` sees to that), so that it may be shown.

    Every method raises LakeUnreachable when the store does not answer, and LakeError when it cannot be used.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def get(self, key: str) -> bytes | None:
        """Return a small object whole; None where there is none."""

        def read() -> bytes | None:
            try:
                return bytes(self._system.cat_file(self._path(key), **self._in_one))
            except FileNotFoundError as error:
                self._gone(error)
                return None

        return self._told(read)

    def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return small objects whole, fetched at once; what is gone is left out."""
        paths = {self._path(key): key for key in keys}
        found: dict[str, bytes] = {}

        def read() -> dict[str, bytes]:
            """Get what is not got yet: of many at once some may fail each time."""
            fault: Exception | None = None
            for path, body in self._system.cat(list(paths), on_error="return", **self._in_one).items():
                if isinstance(body, FileNotFoundError):
                    self._gone(body)
                elif isinstance(body, Exception):
                    fault = body
                    continue
                else:
                    found[paths[path]] = bytes(body)
                del paths[path]
            if fault is not None:
                raise fault
            return found

        return self._told(read) if paths else {}

    def etag(self, key: str) -> str | None:
        """Return what the store calls an object's present bytes; None where there is no such object."""

        def look() -> str | None:
            try:
                return _etag(self._info(self._path(key)))
            except FileNotFoundError as error:
                self._gone(error)
                return None

        return self._told(look)

    def _info(self, path: str) -> Mapping[str, Any]:
        """Return what the store tells of an object. Of one that is not there s3's driver would ask whether it is a folder."""
        if not self._is_s3:
            return dict(self._system.info(path))
        bucket, key, _ = self._system.split_path(path)
        return dict(self._system.call_s3("head_object", Bucket=bucket, Key=key))

    def put(self, key: str, body: bytes) -> str:
        """Put a small object in one request, over whatever is there; return its etag ('' where the store tells none)."""
        return self._told(lambda: _etag(self._system.pipe_file(self._path(key), body) or {}))

    def put_over(self, key: str, body: bytes, etag: str | None) -> str | None:
        """Put a small object over the one of that etag (None: where there is none yet); return the new etag.

        None when another one is there: somebody was quicker, or an attempt of ours arrived whose answer was lost. A store that
        cannot compare (another kind than s3, or an s3 that does not implement it) puts over whatever is there.
        """

        def attempt() -> str | None:
            try:
                return _etag(self._system.pipe_file(self._path(key), body, **self._condition(etag)) or {})
            except FileExistsError:
                return None
            except FileNotFoundError as error:
                self._gone(error)
                return None
            except OSError as error:
                if code_of(error) in ("PreconditionFailed", "412", "ConditionalRequestConflict"):
                    return None
                if error.errno == errno.ENOSYS:
                    return _etag(self._system.pipe_file(self._path(key), body) or {})
                raise

        return self._told(attempt)

    def _condition(self, etag: str | None) -> dict[str, str]:
        if not self._is_s3 or etag == "":
            return {}
        return {"mode": "create"} if etag is None else {"IfMatch": f'"{etag}"'}

    def upload(self, source: Path, key: str) -> None:
        """Put a file of any size. It appears when it is whole."""
        self._told(lambda: self._system.put_file(str(source), self._path(key), **self._in_parts))

    def download(self, key: str, target: Path) -> bool:
        """Write an object of any size to a file; False where it is gone."""

        def fetch() -> bool:
            try:
                self._system.get_file(self._path(key), str(target), **self._in_parts)
            except FileNotFoundError as error:
                if error.filename is not None:
                    raise
                self._gone(error)
                return False
            return True

        return self._told(fetch)

    def sha256(self, key: str) -> str:
        """Read an object whole and return the SHA-256 of its bytes, in hex."""

        def read() -> str:
            total = hashlib.sha256()
            with self._system.open(self._path(key), "rb", block_size=_PART) as handle:
                while chunk := handle.read(_CHUNK):
                    total.update(chunk)
            return total.hexdigest()

        return self._told(read)

    def find(self, folder: str) -> dict[str, Found]:
        """Return every object below a folder, by key."""
        prefix = self._path("")

        def look() -> dict[str, Found]:
            try:
                found = self._list(self._path(folder))
            except FileNotFoundError as error:
                self._gone(error)
                return {}
            return {
                path.removeprefix(prefix): Found(
                    int(info["size"]), _etag(info), written_at(info) or dt.datetime.now(dt.UTC)
                )
                for path, info in found.items()
                if path.startswith(prefix) and not path.endswith("/")
            }

        return self._told(look)

    def _list(self, path: str) -> Mapping[str, Mapping[str, Any]]:
        """List a folder, without the question whether an empty one is an object."""
        parent, _, name = path.rpartition("/")
        options = {"prefix": f"{name}/"} if self._is_s3 else {}
        return dict(self._system.find(parent if options else path, detail=True, **options))

    def remove(self, keys: Iterable[str]) -> None:
        """Remove objects; what is gone already counts as removed."""
        paths = [self._path(key) for key in keys]

        def attempt() -> None:
            try:
                self._system.rm(paths)
            except FileNotFoundError as error:
                self._gone(error)

        if paths:
            self._told(attempt)

    def _gone(self, error: FileNotFoundError) -> None:
        """Raise the error where it is the whole bucket that is missing: that must not look like an empty lake."""
        if code_of(error) == "NoSuchBucket":
            raise error

    def _path(self, key: str) -> str:
        return f"{self._opened[1].rstrip('/')}/{key}"

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        try:
            return open_store(self.url)
        except (ImportError, ValueError) as error:
            raise LakeError(
                f"KENPO_LAKE_URL={self.url}: this kind of store cannot be used ({type(error).__name__})"
            ) from None

    @property
    def _system(self) -> Any:
        return self._opened[0]

    @property
    def _is_s3(self) -> bool:
        return "s3" in self._system.protocol

    @property
    def _in_parts(self) -> dict[str, int]:
        return {"chunksize": _PART, "max_concurrency": _PARTS_AT_ONCE} if self._is_s3 else {}

    @property
    def _in_one(self) -> dict[str, int]:
        """Keep the s3 driver from asking for the size first, which it does to get large objects in parts."""
        return {"max_concurrency": 1} if self._is_s3 else {}

    def _told(self, work: Callable[[], Result]) -> Result:
        """Do the work, again with back-off after a passing fault. What this machine's disk says is raised as it is."""
        try:
            return patiently(work)
        except LakeError:
            raise
        except Exception as error:  # drivers raise errors of their own libraries
            if is_of_this_machine(error) or (isinstance(error, OSError) and error.filename is not None):
                raise
            if is_passing(error):
                raise LakeUnreachable(
                    f"the lake {self.url} does not answer ({type(error).__name__}). Run it again later"
                ) from None
            is_missing = isinstance(error, FileNotFoundError)
            raise LakeError(
                f"the lake {self.url} {'does not exist' if is_missing else 'cannot be used'} ({type(error).__name__}): check "
                "KENPO_LAKE_URL, and the credentials in the environment and their rights (list, read, write, delete)"
            ) from None


def _etag(info: Mapping[str, Any]) -> str:
    return str(info.get("ETag") or info.get("etag") or "").strip('"')
