"""What can go wrong outside of the data: whether to try again, and what to tell who has to act.

What lives here: errors of the operating system, the engine, the serving database and the project sorted into passing and
permanent ones. What does not: trying again (``assets.faults``), faults of submissions (the quarantine).
"""

import errno
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
from sqlalchemy.exc import DBAPIError

from kenpo_pipelines.catalogue.model import CatalogueError
from kenpo_pipelines.lake import LakeError
from kenpo_pipelines.models import ModelError
from kenpo_pipelines.scorecards.rows import ScorecardError
from kenpo_pipelines.serving.faults import PassingFault, ServingError
from kenpo_pipelines.settings import SettingsError
from kenpo_pipelines.spark_sql import UntranslatableSQL
from kenpo_pipelines.submissions.contract import ContractError
from kenpo_pipelines.submissions.landing import LandingError
from resources.backfills import EarlierMonthFailed
from resources.engine import ModelContractError, ModelFailed
from resources.month_lock import MonthIsRunning
from resources.spark_errors import is_about_machines

_PASSING = {
    getattr(errno, name)
    for name in (
        *("EINTR", "EAGAIN", "EBUSY", "ENOMEM", "ESTALE", "EIO", "EREMOTEIO"),
        *(
            "ETIMEDOUT",
            "ECONNREFUSED",
            "ECONNRESET",
            "ECONNABORTED",
            "EPIPE",
            "EHOSTDOWN",
            "EHOSTUNREACH",
            "ENETUNREACH",
        ),
    )
}
"""A network drive that hiccups, a store that does not answer. EIO may be a dying disk as well: the tries are few."""

_ADVICE = {
    errno.ENOSPC: "The disk is full: make room on it, then run the month again.",
    errno.EDQUOT: "The disk quota is used up: make room or have it raised, then run the month again.",
    errno.EFBIG: "The file is larger than the file system or a limit of the process allows.",
    errno.EROFS: "The file system is read-only: mount it for writing, then run the month again.",
    errno.EACCES: "This user may not do that: give it the right to read and write the folder, then run the month again.",
    errno.EPERM: "This user may not do that: give it the right to read and write the folder, then run the month again.",
    errno.EMFILE: "Too many files are open: raise the limit (ulimit -n), then run the month again.",
    errno.ENFILE: "Too many files are open on this machine: close some, then run the month again.",
}
"""Faults of the operating system that stay until somebody acts."""

_OF_SQLITE = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_IOERR_SHMSIZE: errno.ENOSPC,  # no room for the file by which its readers and writers agree
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_PERM: errno.EACCES,
    sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_BUSY: errno.EBUSY,
}
_OF_POSTGRESQL = {"53100": errno.ENOSPC, "25006": errno.EROFS}
"""SQLSTATE: disk full, transaction is read-only."""

_OURS = (
    CatalogueError,
    ContractError,
    EarlierMonthFailed,
    LakeError,
    LandingError,
    ModelContractError,
    ModelError,
    ModelFailed,
    MonthIsRunning,
    ScorecardError,
    ServingError,
    SettingsError,
    UntranslatableSQL,
)
"""The project's own errors: their messages name what is wrong and what to do."""


@dataclass(frozen=True)
class Fault:
    """A fault that is none of the data. ``is_passing``: the same work can succeed later without anybody acting."""

    is_passing: bool
    text: str


def fault_of(error: BaseException) -> Fault | None:
    """Return what is wrong; None for an error that is not known, which is a fault of the program.

    The text is the error's own, with advice where its cause, however deep, is the operating system's.
    """
    chain, words = list(_chain(error)), _words(error)
    if any(isinstance(one, PassingFault) for one in chain):
        return Fault(True, words)
    codes = [code for one in chain if (code := _code(one)) is not None]
    for code in codes:
        if code in _ADVICE:
            return Fault(False, f"{words.rstrip('.')}. {_ADVICE[code]}")
    if any(code in _PASSING for code in codes):
        return Fault(True, words)
    if any(isinstance(one, TimeoutError | ConnectionError) for one in chain):
        return Fault(True, words)
    if any(is_about_machines(one) for one in chain):
        return Fault(True, f"Spark lost its workers or its master: {words.partition(chr(10))[0]}")
    return Fault(False, words) if isinstance(error, _OURS) else None


def _words(error: BaseException) -> str:
    """Return what the error says; of one of Dagster's own storage, the only database whose errors come as they are, without its
    statement and values."""
    if isinstance(error, DBAPIError):
        return f"Dagster's storage: {str(error.orig).partition(chr(10))[0]}"
    return str(error)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _code(error: BaseException) -> int | None:
    """Return the errno of an error, or the one that says the same.

    The engine's errors carry none: the operating system's words are in their text.
    """
    if isinstance(error, OSError):
        return error.errno
    if isinstance(error, duckdb.Error):
        text = str(error)
        return next((code for code in (*_ADVICE, *sorted(_PASSING)) if os.strerror(code) in text), None)
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", 0)
        return _OF_SQLITE.get(
            code, _OF_SQLITE.get(code & 0xFF)
        )  # extended codes carry the primary one in their low byte
    return _OF_POSTGRESQL.get(getattr(error, "pgcode", None) or "")
