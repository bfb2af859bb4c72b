"""Connections to the serving database, and the one lock under which it is written.

What lives here: making an engine from a URL, and write transactions. What does not: tables, and what is written.
Writers (publishers, migrations) take turns per database: on PostgreSQL by an advisory lock that ends with its
transaction, on SQLite by BEGIN IMMEDIATE. A killed writer leaves neither a lock nor half a month behind. Readers never
wait.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry

from kenpo_pipelines.serving.faults import PermanentFault, database_name

LOCK_WAIT_S = 60
"""How long a writer waits for its turn before it gives up with a PassingFault; publishing a month takes about 1 s."""

_WRITER_LOCK = int.from_bytes(b"kenpo")
"""Key of the advisory lock on PostgreSQL; it belongs to the database, so other databases of the server are free."""

_IS_WRITER = "kenpo_is_writer"
_CONNECT_TIMEOUT_S = 10


def connect(url: str) -> Engine:
    """Return an engine for ``sqlite:///path`` or ``postgresql://…`` (read as psycopg2, the driver that is installed).

    Opens no connection yet, except that the folder of a SQLite file is made. Raises :class:`PermanentFault` for a URL
    that is none or names another kind of database.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # the URL itself stays out of the message: it may hold a password
        raise PermanentFault(
            "KENPO_DATABASE_URL is not a database URL; write sqlite:////absolute/path.db or "
            "postgresql://user:password@host/database"
        ) from None
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg2")
    try:
        if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
            return _sqlite_engine(parsed)
        if parsed.drivername == "postgresql+psycopg2":
            return _postgresql_engine(parsed)
    except (ArgumentError, NoSuchModuleError, OSError) as error:
        raise PermanentFault(f"cannot use the database {database_name(parsed)}: {error}") from error
    raise PermanentFault(
        f"{database_name(parsed)}: {parsed.drivername} is not supported; use sqlite:/// or postgresql://"
    )


@contextmanager
def write_transaction(engine: Engine) -> Iterator[Connection]:
    """Yield a connection in one transaction, alone among writers; commit at the end, roll back on any exception."""
    with engine.execution_options(**{_IS_WRITER: True}).begin() as connection:
        if connection.dialect.name == "postgresql":
            # the lock is taken in a statement of its own: what is read after it sees the last writer's commit
            connection.execute(select(func.set_config("lock_timeout", f"{LOCK_WAIT_S}s", True)))
            connection.execute(select(func.pg_advisory_xact_lock(_WRITER_LOCK)))
        yield connection


def _postgresql_engine(url: URL) -> Engine:
    return create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,
        executemany_mode="values_plus_batch",
        connect_args={"connect_timeout": _CONNECT_TIMEOUT_S, "application_name": "kenpo-pipelines"},
    )


def _sqlite_engine(url: URL) -> Engine:
    if url.database and url.database != ":memory:":
        Path(url.database).absolute().parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": LOCK_WAIT_S})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    # Python's driver begins transactions by guessing from the statement; with None it leaves BEGIN to _begin_sqlite
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    _use_write_ahead_log(cursor)
    cursor.close()


def _use_write_ahead_log(cursor: Any) -> None:
    """Switch the file to WAL, so that readers and a writer do not block each other; the file remembers it.

    SQLite does not wait for others in this one statement, hence the loop: two processes may open a new file at once.
    """
    deadline = time.monotonic() + LOCK_WAIT_S
    while cursor.execute("PRAGMA journal_mode").fetchone()[0] == "delete":
        try:
            cursor.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            is_busy = (error.sqlite_errorcode & 0xFF) == sqlite3.SQLITE_BUSY
            if not is_busy or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    # a writer takes the lock before it reads: a lock taken at the first write could find its reading outdated
    is_writer = connection.get_execution_options().get(_IS_WRITER, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writer else "BEGIN")
