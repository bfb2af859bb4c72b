"""Faults of the serving database: passing or permanent, the database named, its password never."""

import sqlite3
from pathlib import Path

import psycopg2  # type: ignore[import-untyped]
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from kenpo_pipelines.serving.database import connect
from kenpo_pipelines.serving.faults import PassingFault, PermanentFault, ServingError, translated

SECRET = "s3cret-word"


class _PostgresqlError(psycopg2.OperationalError):  # type: ignore[misc]
    """An error with a SQLSTATE, as the server sends it; psycopg2 lets only itself set ``pgcode``."""

    pgcode = ""


def _with_state(sqlstate: str) -> psycopg2.OperationalError:
    return type("_Stated", (_PostgresqlError,), {"pgcode": sqlstate})("the server's words")


def _fault_of(origin: Exception) -> ServingError:
    engine = create_engine(f"postgresql+psycopg2://kenpo:{SECRET}@db.example/kenpo?sslpassword={SECRET}")
    with pytest.raises(ServingError) as caught, translated(engine, "publish 2025-06"):
        raise OperationalError("INSERT", {"value": "57.6"}, origin)
    return caught.value


@pytest.mark.parametrize(
    "origin",
    [
        _with_state("08006"),
        _with_state("53300"),
        _with_state("57P01"),
        _with_state("57P03"),
        _with_state("40001"),
        _with_state("40P01"),
        _with_state("55P03"),
        psycopg2.OperationalError("connection to server failed: Connection refused"),
        psycopg2.OperationalError("server closed the connection unexpectedly"),
        psycopg2.InterfaceError("connection already closed"),
    ],
    ids=str,
)
def test_what_time_can_heal_is_passing(origin: Exception) -> None:
    assert isinstance(_fault_of(origin), PassingFault)


@pytest.mark.parametrize(
    "origin",
    [
        _with_state("42501"),
        _with_state("53100"),
        _with_state("22003"),
        psycopg2.OperationalError('FATAL:  password authentication failed for user "kenpo"'),
        psycopg2.OperationalError('FATAL:  database "kenpo" does not exist'),
        sqlite3.OperationalError("unable to open database file"),
    ],
    ids=str,
)
def test_what_somebody_must_put_right_is_permanent(origin: Exception) -> None:
    assert isinstance(_fault_of(origin), PermanentFault)


def test_messages_name_the_database_without_password_and_values() -> None:
    message = str(_fault_of(_with_state("08006")))
    assert message == (
        "could not publish 2025-06 in the database postgresql+psycopg2://kenpo:***@db.example/kenpo: "
        "the server's words. Try again later."
    )


def test_an_exhausted_pool_is_passing() -> None:
    engine = create_engine("sqlite://")
    with pytest.raises(PassingFault, match="all its connections are in use"), translated(engine, "read"):
        raise PoolTimeout("QueuePool limit")


def test_other_exceptions_pass_through() -> None:
    with pytest.raises(KeyError), translated(create_engine("sqlite://"), "read"):
        raise KeyError("x")


def test_an_unreachable_server_is_a_passing_fault(tmp_path: Path) -> None:
    engine = connect(f"postgresql://kenpo:{SECRET}@/kenpo?host={tmp_path}")
    with pytest.raises(PassingFault) as caught, translated(engine, "read the scorecard"), engine.connect():
        pass
    assert SECRET not in str(caught.value)
    assert "postgresql+psycopg2://kenpo:***@/kenpo" in str(caught.value)


def test_a_file_that_is_no_database_is_a_permanent_fault(tmp_path: Path) -> None:
    (tmp_path / "kenpo.db").write_text("this is not a database, but it is long enough to be looked at" * 20)
    engine = connect(f"sqlite:///{tmp_path / 'kenpo.db'}")
    with pytest.raises(PermanentFault, match="file is not a database"), translated(engine, "read"), engine.connect():
        pass


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (f"kenpo:{SECRET}", "is not a database URL"),
        (f"mysql://kenpo:{SECRET}@host/kenpo", "mysql is not supported"),
        (f"postgresql+asyncpg://kenpo:{SECRET}@host/kenpo", "asyncpg is not supported"),
        (f"postgresql://kenpo:{SECRET}@host:port/kenpo", "is not a database URL"),
    ],
)
def test_a_wrong_url_is_refused_without_showing_the_password(url: str, message: str) -> None:
    with pytest.raises(PermanentFault, match=message) as caught:
        connect(url)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg2"])
def test_postgresql_is_read_as_psycopg2(scheme: str) -> None:
    assert connect(f"{scheme}://kenpo@host/kenpo").url.drivername == "postgresql+psycopg2"


def test_sqlite_gets_its_folder_keys_and_log(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'home' / 'kenpo.db'}")
    with engine.connect() as connection:
        settings: dict[str, object] = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("foreign_keys", "journal_mode", "busy_timeout")
        }
    engine.dispose()
    assert settings == {"foreign_keys": 1, "journal_mode": "wal", "busy_timeout": 60_000}
