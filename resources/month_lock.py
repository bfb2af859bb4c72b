"""One run of a month at a time: a lock that a run holds from its first step to its last.

What lives here: which lock it is, who holds it, and the refusal. What does not: the locks of single partitions (``lake``) and
of the serving database (``serving.database``), under which writers wait for each other; nobody waits here.

A lake in a folder has the lock in it, the operating system's (flock): it is free as soon as its process ends, however that
ends; the file stays. Hosts that share such a lake share the lock only where their file system passes it on, as NFS 4 does
(docs/decisions/022). Hosts that share a lake in an object store share the serving database, so the lock is there where that is
PostgreSQL: a session's advisory lock, free as soon as the session ends (docs/decisions/032). With SQLite there is one host, and
the lock is a file in its home.
"""

import datetime as dt
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock, Timeout

from kenpo_pipelines import fiscal
from kenpo_pipelines.lake import Lake, LakeError
from resources.advisory_lock import IsHeld, advisory_lock, is_shared, was_held_throughout
from resources.installation import Installation

_SIGNATURES = (".locks", "months")
"""Layer and name under which a lake in an object store keeps who holds a month."""

_signed = threading.local()


class MonthIsRunning(Exception):
    """Another process runs the month; the message names the month, the run and since when. Nothing was changed."""


class _Lock(Protocol):
    """One month's lock, and beside it who holds it: what another reads when it is refused. Nothing else depends on that."""

    def hold(self) -> AbstractContextManager[bool]:
        """Hold it for the block, told whether this thread did not hold it already; raise IsHeld, LakeError or ServingError."""

    def sign(self, holder: dict[str, Any]) -> None:
        """Write who holds it; raise LakeError."""

    def signature(self) -> Any:
        """Return who holds it, or died while holding it; None when the last one took its name away."""

    def clear(self) -> None:
        """Take the name away."""

    def was_kept(self) -> bool:
        """True when nobody else can have held it since this thread took it; raise IsHeld, LakeError or ServingError."""


@contextmanager
def month_lock(installation: Installation, month: str, run_id: str = "") -> Iterator[None]:
    """Hold the month for the block; raise :class:`MonthIsRunning` at once when another holds it, LakeError (or ServingError)
    when no lock can be made.

    One thread may hold a month twice, as the command line does: around its run, and inside it where every run takes it.
    """
    lock = _lock(installation, month)
    with ExitStack() as stack:
        try:
            is_first = stack.enter_context(lock.hold())
        except IsHeld:
            raise MonthIsRunning(
                f"{month} is being run by {_words(lock.signature())}. Run it again when that run is done."
            ) from None
        if is_first:
            stack.callback(lock.clear)  # who dies while holding the month leaves its name there
            since = dt.datetime.now(fiscal.TOKYO).isoformat()
            lock.sign({"run": run_id, "process": os.getpid(), "host": socket.gethostname(), "since": since})
        yield


def require_month(installation: Installation, month: str) -> None:
    """Make sure that nobody else has run the month since this thread took it; raise :class:`MonthIsRunning` otherwise.

    Call it before publishing: what this run has made may have become old since a session that held the lock was lost. Raises
    LakeError or ServingError when that cannot be known.
    """
    try:
        was_kept = _lock(installation, month).was_kept()
    except IsHeld:
        was_kept = False
    if not was_kept:
        raise MonthIsRunning(
            f"{month} was taken by another run when this one had lost its session of the database, and with it the month's "
            "lock. This one ends here. Run it again when the other is done."
        )


def died_unfinished(installation: Installation, month: str) -> bool:
    """True when the last process that held the month ended without a word, and nobody holds it now."""
    if _lock(installation, month).signature() is None:
        return False
    try:
        with month_lock(installation, month):
            return True
    except MonthIsRunning:
        return False


def _lock(installation: Installation, month: str) -> _Lock:
    fiscal.split_month(month)
    if installation.lake_url is not None and is_shared(installation.database_url):
        return _DatabaseLock(installation.database_url, installation.lake, month)
    folder = Path(installation.locks_dir) if installation.locks_dir else installation.lake.root / ".locks"
    return _FileLock(folder / f"{month}.lock", month)


class _FileLock:
    """A file, locked by the operating system; who holds it stands in the file."""

    def __init__(self, path: Path, month: str) -> None:
        self._path = path
        self._month = month

    @contextmanager
    def hold(self) -> Iterator[bool]:
        # a lock that outlives its process would block the month for ever: rather none, and an error
        lock = FileLock(self._path, is_singleton=True, fallback_to_soft=False)
        is_first = not lock.is_locked
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire(blocking=False)
        except Timeout:
            raise IsHeld from None
        except OSError as error:
            raise LakeError(
                f"month {self._month} cannot be run, its lock {self._path} cannot be made: {error}"
            ) from error
        try:
            yield is_first
        finally:
            lock.release()

    def sign(self, holder: dict[str, Any]) -> None:
        try:
            self._path.write_text(json.dumps(holder), encoding="utf-8")
        except OSError as error:
            raise LakeError(f"{self._path} cannot be written: {error}") from error

    def signature(self) -> Any:
        try:
            text = self._path.read_text(encoding="utf-8")
            return json.loads(text) if text else None
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            return {}  # being written just now, or not to be read

    def clear(self) -> None:
        with suppress(OSError):
            self._path.write_bytes(b"")

    def was_kept(self) -> bool:
        return True  # the operating system takes it away from nobody who lives


class _DatabaseLock:
    """An advisory lock of the serving database; who holds it stands in the lake that the hosts share."""

    def __init__(self, database_url: str, lake: Lake, month: str) -> None:
        self._database_url = database_url
        self._lake = lake
        self._month = month
        self._name = f"month {month}"

    def hold(self) -> AbstractContextManager[bool]:
        return advisory_lock(self._database_url, self._name)

    def sign(self, holder: dict[str, Any]) -> None:
        self._lake.put_aside(*_SIGNATURES, self._month, holder)
        _own_signatures()[self._name, self._database_url] = holder

    def signature(self) -> Any:
        return self._lake.aside(*_SIGNATURES, self._month)

    def clear(self) -> None:
        own = _own_signatures().pop((self._name, self._database_url), None)
        with suppress(LakeError):
            if self.signature() == own:  # not the name of who came when this one's session was lost
                self._lake.put_aside(*_SIGNATURES, self._month, None)

    def was_kept(self) -> bool:
        # who held it in between left another name, or none
        return was_held_throughout(self._database_url, self._name) or (
            self.signature() == _own_signatures()[self._name, self._database_url]
        )


def _own_signatures() -> dict[tuple[str, str], dict[str, Any]]:
    """What this thread has signed the locks with that it holds, by lock and database."""
    signatures: dict[tuple[str, str], dict[str, Any]] = _signed.__dict__.setdefault("signatures", {})
    return signatures


def _words(holder: Any) -> str:
    try:
        since = dt.datetime.fromisoformat(holder["since"])
        run = f"run {holder['run']}" if holder["run"] else "another process"
        return f"{run} (process {holder['process']} on {holder['host']}) since {since:%Y-%m-%d %H:%M}"
    except (ValueError, LookupError, TypeError):
        return "another process that has just begun"
