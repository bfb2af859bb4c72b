"""A month before, during and after an undisturbed run, and all that two installations must agree in.

Used by the tests of killed runs and of faults: each begins from the files of such a story and compares where it ends.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from in_memory import memory_folder
from kenpo_home import database_rows, lake_content, land, result, results, target, targets, workbook_content
from month_server import Ended, MonthServer
from sqlalchemy.exc import OperationalError

MONTH = "2025-05"
_DATA = ("lake", "outputs", "landing")


@dataclass(frozen=True)
class State:
    """What two installations must agree in; ``names`` are those of all files, temporary ones among them."""

    lake: dict[str, str]
    database: dict[str, list[tuple[Any, ...]]]
    workbooks: dict[str, str]
    names: frozenset[str]

    @classmethod
    def of(cls, home: Path) -> "State":
        names = (str(path.relative_to(home)) for part in _DATA for path in (home / part).rglob("*"))
        return cls(lake_content(home), published(home), workbook_content(home), frozenset(names))


@dataclass(frozen=True)
class Story:
    """An installation before a run (as files and as state), the undisturbed run, and the installation after it."""

    home: Path
    """Where it happened, and where others begin from the template: what the server knows of an installation is by its home."""
    template: Path
    before: State
    undisturbed: Ended
    done: Path
    after: State

    def begin_again(self) -> None:
        """Make the home what it was before the run."""
        put_back(self.home, self.template)

    def look_at(self, found: State) -> None:
        """Hold what others see of a run that did not come to its end: each partition and workbook is old or new, and the
        publication is as a whole."""
        for was, is_now, will_be in (
            (self.before.lake, found.lake, self.after.lake),
            (self.before.workbooks, found.workbooks, self.after.workbooks),
        ):
            old, new = _wholes(was), _wholes(will_be)
            assert {
                name: parts for name, parts in _wholes(is_now).items() if parts not in (old.get(name), new[name])
            } == {}
            assert old.keys() <= _wholes(is_now).keys()
        assert found.database in (self.before.database, self.after.database)


@pytest.fixture(scope="session")
def month_place() -> Iterator[Path]:
    """A folder in memory, where the system has room: thousands of flushed files are written."""
    with tempfile.TemporaryDirectory(prefix="kenpo-months-", dir=memory_folder()) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def month_server(month_place: Path) -> Iterator[MonthServer]:
    """A server that runs months in processes to be killed."""
    with MonthServer.started(month_place) as server:
        yield server


@pytest.fixture(scope="session")
def stories(month_server: MonthServer, month_place: Path) -> tuple[Story, Story]:
    """The month run for the first time, and after another submission; both undisturbed, both in the same home."""
    home, nothing, first, second = (month_place / name for name in ("home", "nothing", "first", "second"))
    land(home, "kpi_targets", "2025", {"目標.csv": targets(target("13", "14.3"), target("04", "15.0"))})
    land(home, "kpi_results", MONTH, _submissions("2.1", "8.0"))
    shutil.copytree(home, nothing)  # times included: when a file was received is part of the data
    at_first = State.of(home)
    undisturbed = month_server.warm_up(home, MONTH)
    done = State.of(home)
    land(home, "kpi_results", MONTH, _submissions("2.4", "8.5"))
    shutil.copytree(home, first, symlinks=True)
    again = month_server.run(home, MONTH)
    assert again.exitcode == 0, again.said
    shutil.copytree(home, second, symlinks=True)
    return (
        Story(home, nothing, at_first, undisturbed, first, done),
        Story(home, first, done, again, second, State.of(home)),
    )


def published(home: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Rows of the serving database by table; none of a table without rows, or where there are no tables yet."""
    if not (home / "kenpo.db").exists():
        return {}
    try:
        rows = database_rows(home, with_moments=False)
    except OperationalError as error:
        assert "no such table" in str(error)
        return {}
    return {table: found for table, found in rows.items() if found}


def put_back(home: Path, template: Path) -> None:
    """Make the home what the template is. The log stays: the server has it open."""
    for path in home.iterdir():
        if path.name != "logs":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(template, home, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns("logs"))


def _submissions(*tokyo: str) -> dict[str, bytes]:
    rows = [
        result("13", value, kpi) for value, kpi in zip(tokyo, ("guidance_rate_insured", "single_bid_rate"), strict=True)
    ]
    return {"五月.csv": results(*rows, result("04", "33.3"), result("13", "1.03&")), "空.csv": b""}


def _wholes(content: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Files by partition, parts by workbook."""
    found: dict[str, dict[str, str]] = {}
    for name, digest in content.items():
        whole = name[: name.index(".xlsx/")] if ".xlsx/" in name else name.rpartition("/")[0]
        found.setdefault(whole, {})[name] = digest
    return found
