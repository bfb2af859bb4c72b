"""A lock in the serving database that hosts share: a session of PostgreSQL holds it, and it is free when the session ends.

What lives here: taking it at once or not at all, sessions that a dead host does not keep, and taking it again when its session
was lost. What does not: what it is for (``month_lock``).
"""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from kenpo_pipelines.serving.database import connect
from kenpo_pipelines.serving.faults import patient, translated

_SETTINGS = {"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3"} | {
    "idle_session_timeout": "0"
}
"""A host that lost its power is missed after a minute, and a session that does nothing but hold is not ended. Settings that a
server does not know are left out."""

_held = threading.local()


class IsHeld(Exception):
    """Somebody else holds the lock."""


@dataclass
class _Session:
    """The session by which a thread holds a lock. ``is_first``: no other one before it was lost."""

    connection: Connection
    is_first: bool = True


def is_shared(database_url: str) -> bool:
    """True when the database is a server that several hosts may share; raise ServingError for a URL that is none."""
    return _engine(database_url).dialect.name == "postgresql"


@contextmanager
def advisory_lock(database_url: str, name: str) -> Iterator[bool]:
    """Hold the lock for the block, told whether this thread did not hold it already; raise IsHeld at once when another does.

    Raises ServingError when the database cannot be asked. The session needs a connection of its own to the server: behind a
    pooler, one that is pooled by session.
    """
    mine = _mine()
    if (database_url, name) in mine:
        yield False
        return
    mine[database_url, name] = _Session(_take(_engine(database_url), name))
    try:
        yield True
    finally:
        _end(mine.pop((database_url, name)).connection)


def was_held_throughout(database_url: str, name: str) -> bool:
    """True when the session by which this thread holds the lock is the one that took it; True as well where it holds none.

    Where that was lost, by a restart of the database for one, the lock is taken again, and others may have held it meanwhile:
    False from then on. Raises IsHeld when another holds it now, ServingError when the database cannot be asked.
    """
    session = _mine().get((database_url, name))
    if session is None:
        return True
    try:
        session.connection.execute(text("SELECT 1"))
    except SQLAlchemyError:
        lost, session.is_first = session.connection, False
        session.connection = _take(_engine(database_url), name)
        _end(lost)
    return session.is_first


def _mine() -> dict[tuple[str, str], _Session]:
    """What this thread holds, by database and lock."""
    locks: dict[tuple[str, str], _Session] = _held.__dict__.setdefault("locks", {})
    return locks


def _end(connection: Connection) -> None:
    with suppress(SQLAlchemyError):  # a session that was lost holds nothing any more
        connection.close()


@patient
def _take(engine: Engine, name: str) -> Connection:
    """Return a connection whose session holds the lock; it is no part of the pool, so closing it ends the session."""
    with translated(engine, f"lock {name}"):
        connection = engine.connect()
        try:
            connection.detach()
            for setting, value in _SETTINGS.items():
                connection.execute(
                    text("SELECT set_config(name, :value, false) FROM pg_settings WHERE name = :setting"),
                    {"setting": setting, "value": value},
                )
            if not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _key(name)}):
                raise IsHeld
        except BaseException:
            connection.close()
            raise
        return connection


def _key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"kenpo {name}".encode()).digest()[:8], signed=True)


@lru_cache(maxsize=8)
def _engine(database_url: str) -> Engine:
    return connect(database_url).execution_options(isolation_level="AUTOCOMMIT")
