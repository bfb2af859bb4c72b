"""One run of a month at a time: a lock in the lake that a run holds from its first step to its last.

What lives here: the lock, who holds it, and the refusal. What does not: the locks of single partitions (``lake``) and of the
serving database (``serving.database``), under which writers wait for each other; nobody waits here.

The lock is the operating system's (flock), so it is free as soon as its process ends, however that ends; the file stays. Hosts
that share a lake share the lock only where their file system passes it on, as NFS 4 does (docs/decisions/022).
"""

import datetime as dt
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from kenpo_pipelines import fiscal
from kenpo_pipelines.lake import LakeError
from resources.installation import Installation

_FOLDER = ".locks"


class MonthIsRunning(Exception):
    """Another process runs the month; the message names the month, the run and since when. Nothing was changed."""


@contextmanager
def month_lock(installation: Installation, month: str, run_id: str = "") -> Iterator[None]:
    """Hold the month for the block; raise :class:`MonthIsRunning` at once when another holds it, LakeError when no lock can
    be made.

    One thread may hold a month twice, as the command line does: around its run, and inside it where every run takes it.
    """
    path = _lock_file(installation, month)
    # a lock that outlives its process would block the month for ever: rather none, and an error
    lock = FileLock(path, is_singleton=True, fallback_to_soft=False)
    is_ours = lock.is_locked
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout:
        raise MonthIsRunning(f"{month} is being run by {_holder(path)}. Run it again when that run is done.") from None
    except OSError as error:
        raise LakeError(f"month {month} cannot be run, its lock {path} cannot be made: {error}") from error
    try:
        if not is_ours:
            _sign(path, run_id)
        yield
    finally:
        if not is_ours:
            with suppress(OSError):
                path.write_bytes(b"")  # who dies while holding the month leaves its name there
        lock.release()


def died_unfinished(installation: Installation, month: str) -> bool:
    """True when the last process that held the month ended without a word, and nobody holds it now."""
    path = _lock_file(installation, month)
    try:
        if not path.read_bytes():
            return False
        with month_lock(installation, month):
            return True
    except (FileNotFoundError, MonthIsRunning):
        return False


def _lock_file(installation: Installation, month: str) -> Path:
    fiscal.split_month(month)
    return installation.lake.root / _FOLDER / f"{month}.lock"


def _sign(path: Path, run_id: str) -> None:
    """Write into the lock's file who holds it. Another one reads it when it is refused; nothing else depends on it."""
    since = dt.datetime.now(fiscal.TOKYO).isoformat()
    holder = {"run": run_id, "process": os.getpid(), "host": socket.gethostname(), "since": since}
    try:
        path.write_text(json.dumps(holder), encoding="utf-8")
    except OSError as error:
        raise LakeError(f"{path} cannot be written: {error}") from error


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        since = dt.datetime.fromisoformat(holder["since"])
        run = f"run {holder['run']}" if holder["run"] else "another process"
        return f"{run} (process {holder['process']} on {holder['host']}) since {since:%Y-%m-%d %H:%M}"
    except (OSError, ValueError, LookupError, TypeError):
        return "another process that has just begun"
