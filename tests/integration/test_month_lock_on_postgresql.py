"""The lock of a month whose lake is in an object store: hosts share it in PostgreSQL, and it is free when its holder ends."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from kenpo_home import environment, settings_of
from month_holding import held_elsewhere
from s3_server import Server, new_bucket, running
from sqlalchemy import text

from kenpo_pipelines.serving.database import connect
from kenpo_pipelines.serving.faults import PermanentFault
from resources.faults import fault_of
from resources.installation import Installation
from resources.month_lock import MonthIsRunning, died_unfinished, month_lock, require_month

MONTH, OTHER = "2025-05", "2025-06"

HOLDER = """
import sys, time
from kenpo_pipelines.settings import load
from resources.installation import Installation
from resources.month_lock import month_lock
with month_lock(Installation.from_settings(load()), sys.argv[1], "run-of-another"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture
def hosts(server: Server, postgresql_url: str, tmp_path: Path) -> tuple[Installation, Installation]:
    """Two machines with a home of their own, which share the lake and the serving database."""
    url = f"s3://{new_bucket(server, 'locks').name}/lake"
    first, second = (
        Installation.from_settings(
            settings_of(tmp_path / name).model_copy(update={"lake_url": url, "database_url": postgresql_url})
        )
        for name in ("first", "second")
    )
    return first, second


def refusal_elsewhere(one: Installation, month: str) -> str:
    """What another thread is told that asks for the month; '' when it gets it."""
    refused = [""]

    def ask() -> None:
        try:
            with month_lock(one, month):
                pass
        except MonthIsRunning as error:
            refused.append(str(error))

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join()
    return refused[-1]


@contextmanager
def killed_at_the_end(one: Installation, home: Path) -> Iterator["subprocess.Popen[str]"]:
    """Hold the month in a process that is then killed."""
    assert one.lake_url is not None
    variables = {"KENPO_LAKE_URL": one.lake_url, "KENPO_DATABASE_URL": one.database_url}
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, MONTH], stdout=subprocess.PIPE, text=True, env=environment(home, **variables)
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        try:
            yield holder
        finally:
            holder.send_signal(signal.SIGKILL)


def sessions(url: str) -> int:
    """How many sessions hold an advisory lock."""
    with connect(url).connect() as connection:
        return int(connection.scalar(text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")) or 0)


def test_a_month_held_on_one_host_is_refused_on_the_other(hosts: tuple[Installation, Installation]) -> None:
    first, second = hosts
    with held_elsewhere(first, MONTH):
        with pytest.raises(
            MonthIsRunning, match=r"^2025-05 is being run by run run-of-another \(process \d+ on "
        ) as told:
            month_lock(second, MONTH).__enter__()
        assert fault_of(told.value) is not None
        with month_lock(second, OTHER):
            pass  # another month is another matter
        assert not died_unfinished(second, MONTH)
    with month_lock(second, MONTH):
        pass
    assert sessions(first.database_url) == 0


def test_who_holds_a_month_may_take_it_again(hosts: tuple[Installation, Installation]) -> None:
    first, second = hosts
    with month_lock(first, MONTH, "outer"):
        with month_lock(first, MONTH, "inner"):
            pass
        assert "run outer" in refusal_elsewhere(second, MONTH)
    with held_elsewhere(second, MONTH):
        pass


def test_the_lock_of_a_killed_process_is_free_and_its_death_is_told_once_to_any_host(
    hosts: tuple[Installation, Installation], tmp_path: Path
) -> None:
    first, second = hosts
    with killed_at_the_end(first, tmp_path / "first") as holder:
        with pytest.raises(MonthIsRunning, match=f"process {holder.pid} on"):
            month_lock(second, MONTH).__enter__()
        assert not died_unfinished(second, MONTH)
    for _ in range(100):  # the server notices the broken connection by itself
        if sessions(first.database_url) == 0:
            break
        threading.Event().wait(0.1)
    assert died_unfinished(second, MONTH)
    assert not died_unfinished(first, MONTH), "told once: whoever asks sees to it"
    with month_lock(first, MONTH):
        pass


def end_sessions(url: str) -> None:
    """End every session that holds an advisory lock, as a restart of the database does."""
    with connect(url).connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' "
                "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
        )


def test_a_lost_session_ends_the_block_without_another_error(hosts: tuple[Installation, Installation]) -> None:
    first, second = hosts
    with month_lock(first, MONTH, "run"):
        end_sessions(first.database_url)
    with month_lock(second, MONTH):
        pass


def test_a_run_that_lost_its_session_goes_on_while_nobody_else_ran_the_month(
    hosts: tuple[Installation, Installation],
) -> None:
    first, second = hosts
    require_month(first, MONTH)  # who holds nothing has lost nothing
    with month_lock(first, MONTH, "run"):
        require_month(first, MONTH)
        end_sessions(first.database_url)
        require_month(first, MONTH)
        assert refusal_elsewhere(second, MONTH).startswith("2025-05 is being run by run run "), "it is locked again"
        require_month(first, MONTH)
    assert sessions(first.database_url) == 0
    assert not died_unfinished(second, MONTH)


@pytest.mark.parametrize("is_done", [True, False])
def test_a_run_whose_month_was_taken_meanwhile_does_not_publish(
    hosts: tuple[Installation, Installation], is_done: bool
) -> None:
    first, second = hosts
    with month_lock(first, MONTH, "run"):
        end_sessions(first.database_url)
        with held_elsewhere(second, MONTH):
            if not is_done:
                with pytest.raises(MonthIsRunning, match="taken by another run"):
                    require_month(first, MONTH)
        for _ in range(2):
            with pytest.raises(MonthIsRunning, match="taken by another run"):
                require_month(first, MONTH)
    with month_lock(second, MONTH):
        pass


def test_the_end_of_a_run_that_lost_its_lock_leaves_the_name_of_who_has_it(
    hosts: tuple[Installation, Installation], tmp_path: Path
) -> None:
    first, second = hosts
    with month_lock(first, MONTH, "run"):
        end_sessions(first.database_url)
        with killed_at_the_end(second, tmp_path / "second"):
            pass
    while sessions(first.database_url):
        threading.Event().wait(0.1)
    assert died_unfinished(second, MONTH)


def test_a_database_that_is_away_is_told_without_its_password(hosts: tuple[Installation, Installation]) -> None:
    away = replace(hosts[0], database_url="postgresql://kenpo:geheim@127.0.0.1:1/kenpo")
    with pytest.raises(Exception, match="could not lock month 2025-05 in the database") as told:
        month_lock(away, MONTH).__enter__()
    fault = fault_of(told.value)
    assert fault is not None and fault.is_passing
    assert "geheim" not in str(told.value)
    nonsense = replace(hosts[0], database_url="nonsense")
    with pytest.raises(PermanentFault, match="KENPO_DATABASE_URL is not a database URL"):
        month_lock(nonsense, MONTH).__enter__()
