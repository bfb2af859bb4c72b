"""What can go wrong with the serving database, in two classes: try again later, or somebody has to act.

What lives here: the exceptions, the translation of driver errors into them, and patience with blips. Messages name the
database without its password and never carry the values of a statement.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from alembic.util import CommandError
from sqlalchemy import URL, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_exponential

BLIP_S = 5
"""For how long a patient call is begun again: a connection that broke, a server that was reloaded."""

_SECRET_QUERY_KEYS = ("password", "sslpassword", "passfile")
_PASSING_SQLITE = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
# SQLSTATE classes and codes: 08 connection, 53 resources (but for a full disk), 57P0x shutdown or start-up, 40 rolled back by
# the server (serialization, deadlock), 55P03 lock timeout.
_PASSING_SQLSTATES = ("08", "53", "57P0", "40", "55P03")
_DISK_FULL = "53100"
_PERMANENT_CONNECTION_WORDS = (
    "authentication failed",
    "does not exist",
    "no pg_hba.conf entry",
    "no password supplied",
)
_MISSING_TABLE_WORDS = ("no such table", "UndefinedTable")


class ServingError(Exception):
    """The serving database could not be read or written; see the two subclasses."""


class PassingFault(ServingError):
    """The same call can succeed later: the database was locked, busy, restarting or not reachable. Nothing was changed,
    or (connection lost during commit) repeating the call finds it done."""


class PermanentFault(ServingError):
    """Repeating the call will fail again: wrong rows, wrong URL or rights, missing tables. Nothing was changed."""


P = ParamSpec("P")
R = TypeVar("R")


def patient(call: Callable[P, R]) -> Callable[P, R]:
    """Return the call made again after a :class:`PassingFault`, with growing waits; the last one is raised after some seconds.

    A call that waited for a lock that long is not made again.
    """
    again = retry(
        retry=retry_if_exception_type(PassingFault),
        wait=wait_exponential(multiplier=0.2, max=2),
        stop=stop_after_delay(BLIP_S),
        reraise=True,
    )
    return again(call)


def database_name(url: URL) -> str:
    """Return the URL as a message may show it: without password, in the address or among its options."""
    return url.difference_update_query(_SECRET_QUERY_KEYS).render_as_string(hide_password=True)


@contextmanager
def translated(engine: Engine, doing: str) -> Iterator[None]:
    """Turn driver errors inside the block into :class:`PassingFault` or :class:`PermanentFault`.

    ``doing`` completes "could not …", for example "publish 2025-06". Other exceptions pass through unchanged.
    """
    where = f"could not {doing} in the database {database_name(engine.url)}"
    try:
        yield
    except PoolTimeout as error:
        raise PassingFault(f"{where}: all its connections are in use. Try again later.") from error
    except DBAPIError as error:
        cause = _first_line(error.orig)
        if _is_passing(error):
            raise PassingFault(f"{where}: {cause}. Try again later.") from error
        if any(word in f"{type(error.orig).__name__} {error.orig}" for word in _MISSING_TABLE_WORDS):
            advice = "Its tables are missing: run any month (`kenpo run --month YYYY-MM`) to create them."
            raise PermanentFault(f"{where}: {cause}. {advice}") from error
        raise PermanentFault(f"{where}: {cause}. Nothing was changed.") from error
    except CommandError as error:
        advice = "Was it last used by a newer version of kenpo-pipelines? Use that version, or restore a backup."
        raise PermanentFault(f"{where}: {_first_line(error)}. {advice}") from error
    except SQLAlchemyError as error:
        raise PermanentFault(f"{where}: {_first_line(error)}") from error


def _is_passing(error: DBAPIError) -> bool:
    if error.connection_invalidated:
        return True
    origin = error.orig
    if isinstance(origin, sqlite3.Error):
        # extended codes (SQLITE_BUSY_SNAPSHOT …) carry the primary one in their low byte
        return (getattr(origin, "sqlite_errorcode", 0) & 0xFF) in _PASSING_SQLITE
    sqlstate = getattr(origin, "pgcode", None)
    if sqlstate:
        return sqlstate != _DISK_FULL and str(sqlstate).startswith(_PASSING_SQLSTATES)
    # libpq gives no SQLSTATE when it cannot connect: only its text tells a wrong password from a server that is away
    is_connection = type(origin).__name__ in ("OperationalError", "InterfaceError")
    return is_connection and not any(word in str(origin) for word in _PERMANENT_CONNECTION_WORDS)


def _first_line(error: BaseException | None) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
