"""Faults that are none of the data: which pass by themselves, and what is told of those that do not."""

import errno
import os
import sqlite3

import duckdb
import pytest
from sqlalchemy.exc import OperationalError

from kenpo_pipelines.lake import DamagedPartition, LakeError
from kenpo_pipelines.serving.faults import PassingFault, PermanentFault
from kenpo_pipelines.spark_sql import UntranslatableSQL
from kenpo_pipelines.submissions.contract import ContractError
from resources.faults import fault_of
from resources.session import SessionError


def system_error(code: int) -> OSError:
    return OSError(code, os.strerror(code), "lake/raw/claims")


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def of_sqlite(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = code
    return error


PASSING = {
    "a database that is away": PassingFault("could not publish 2025-06"),
    "one deep inside": caused(RuntimeError("step"), PassingFault("could not publish 2025-06")),
    "interrupted": system_error(errno.EINTR),
    "again": system_error(errno.EAGAIN),
    "a stale handle of a network drive": system_error(errno.ESTALE),
    "a network drive that fails, told by the lake": caused(
        LakeError("raw/claims month 2025-06"), system_error(errno.EIO)
    ),
    "the same in the engine's words": caused(
        LakeError("facts"), duckdb.IOException(f'IO Error: Could not read "part-0": {os.strerror(errno.ESTALE)}')
    ),
    "a store that does not answer": TimeoutError("timed out"),
    "a store that hangs up": ConnectionResetError(errno.ECONNRESET, "reset"),
    "Dagster's own storage is busy": of_sqlite(sqlite3.SQLITE_BUSY),
}


def of_spark(text: str) -> Exception:
    """An error as pyspark raises it, without pyspark."""
    kind = type("SparkException", (Exception,), {"__module__": "pyspark.errors.exceptions.captured"})
    error: Exception = kind(text)
    return error


LOST = "Job aborted due to stage failure: Task 0 failed 4 times: ExecutorLostFailure (executor 1 exited)\nDriver stacktrace:"
PASSING |= {
    "Spark's workers that go away one after the other": of_spark(LOST),
    "the same, told by a session": caused(SessionError("SparkException", "", is_about_sql=False), of_spark(LOST)),
    "a Spark Connect server that is gone": of_spark('status = StatusCode.UNAVAILABLE details = "Socket closed"'),
}
PERMANENT = {
    "disk full": (system_error(errno.ENOSPC), "make room"),
    "disk full, told by the lake": (
        caused(LakeError("raw/claims month 2025-06"), system_error(errno.ENOSPC)),
        "make room",
    ),
    "disk full in the engine's words": (
        duckdb.IOException(f'IO Error: Could not write file "part-0": {os.strerror(errno.ENOSPC)}'),
        "make room",
    ),
    "disk full in SQLite": (of_sqlite(sqlite3.SQLITE_FULL), "make room"),
    "no room for SQLite's other files": (of_sqlite(sqlite3.SQLITE_IOERR_SHMSIZE), "make room"),
    "quota": (system_error(errno.EDQUOT), "quota"),
    "read-only": (caused(LakeError("raw/claims month 2025-06"), system_error(errno.EROFS)), "mount it for writing"),
    "no right": (system_error(errno.EACCES), "give it the right"),
    "wrong rows": (PermanentFault("could not publish 2025-06: no such table. Nothing was changed."), "no such table"),
    "a contract": (ContractError("claims.yml: no such column"), "claims.yml"),
    "SQL that Spark has no form of": (UntranslatableSQL("kpis/shown.sql", "MD5 (md5('a'))"), "no checked form of MD5"),
    "damaged files": (DamagedPartition("raw/claims month 2025-06 is damaged"), "raw/claims month 2025-06"),
}


@pytest.mark.parametrize("error", PASSING.values(), ids=PASSING)
def test_what_time_can_heal_is_passing(error: Exception) -> None:
    fault = fault_of(error)
    assert fault is not None
    assert fault.is_passing


@pytest.mark.parametrize(("error", "told"), PERMANENT.values(), ids=PERMANENT)
def test_what_somebody_has_to_mend_is_permanent_and_says_how(error: Exception, told: str) -> None:
    fault = fault_of(error)
    assert fault is not None
    assert not fault.is_passing
    assert str(error).rstrip(".") in fault.text
    assert told in fault.text


def test_a_full_disk_is_permanent_even_where_the_database_says_so_in_passing() -> None:
    fault = fault_of(caused(LakeError("raw/claims"), caused(TimeoutError("slow"), system_error(errno.ENOSPC))))
    assert fault is not None
    assert not fault.is_passing


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no"),
        KeyError("branch"),
        duckdb.BinderException("no column x"),
        of_spark("[DIVIDE_BY_ZERO] Division by zero"),
        ValueError(LOST),
    ],
    ids=repr,
)
def test_a_fault_of_the_program_is_none_of_these(error: Exception) -> None:
    assert fault_of(error) is None


def test_of_a_statement_that_failed_only_the_reason_is_told() -> None:
    reason = of_sqlite(sqlite3.SQLITE_FULL)
    fault = fault_of(caused(OperationalError("INSERT INTO event_logs", {"event": "13000001"}, reason), reason))
    assert fault is not None
    assert fault.text.startswith("Dagster's storage: database or disk is full. The disk is full: make room")
    assert "13000001" not in fault.text
