"""Whole months with the lake in an object store, and landing there too: what is published is what a lake in a folder gives."""

import datetime as dt
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from doc_blocks import commands
from kenpo_home import (
    KENPO,
    KEY,
    database_rows,
    environment,
    result,
    results,
    settings_of,
    target,
    targets,
    workbook_content,
)
from record_files import checkups
from s3_server import ACCESS_KEY, SECRET_KEY, Bucket, Fault, Server, new_bucket, running
from short_memory import forgetful
from typer.testing import CliRunner

from kenpo_pipelines import object_store
from kenpo_pipelines.cli import app
from kenpo_pipelines.lake import Lake, LakeUnreachable, open_lake
from kenpo_pipelines.running import MonthRunner
from kenpo_pipelines.serving.database import connect
from kenpo_pipelines.serving.queries import scorecard_rows
from kenpo_pipelines.settings import CHECKOUT, Settings
from resources.installation import Installation
from resources.month_lock import MonthIsRunning, died_unfinished, month_lock

MONTH = "2025-06"
ARRIVED = dt.datetime(2025, 7, 10, 3, 0, tzinfo=dt.UTC)
FIRST = {
    f"kpi_results/{MONTH}/results.csv": results(result("13", "20.1"), result("04", "19.0")),
    "kpi_targets/2025/targets.csv": targets(target("13", "14.3"), target("04", "14.3")),
    f"checkup_counts/{MONTH}/13.csv": checkups("13"),
    f"checkup_counts/{MONTH}/04.csv": checkups("04"),
}
AGAIN = {
    f"kpi_results/{MONTH}/results.r2.csv": results(result("13", "21.7")),
    f"checkup_counts/{MONTH}/05.csv": checkups("05", "77"),
}


@dataclass
class Place:
    """An installation and where files land in it. In a bucket the lake is, too."""

    home: Path
    bucket: Bucket | None = None

    @property
    def settings(self) -> Settings:
        settings = settings_of(self.home)
        if self.bucket is None:
            return settings
        urls = {"lake_url": f"s3://{self.bucket.name}/lake", "landing_url": f"s3://{self.bucket.name}/incoming"}
        return settings.model_copy(update=urls)

    @property
    def environment(self) -> dict[str, str]:
        one = self.settings
        return environment(self.home, KENPO_LAKE_URL=str(one.lake_url), KENPO_LANDING_URL=str(one.landing_url))

    def run(self, **options: Any) -> Any:
        return MonthRunner(self.settings).run(MONTH, **options)

    def lake(self, cache: Path) -> Lake:
        """The lake as a machine sees it that has nothing of it yet."""
        return open_lake(self.settings.lake_dir if self.bucket is None else cache, self.settings.lake_store)


@dataclass(frozen=True)
class State:
    """What two installations with the same submissions must agree in."""

    versions: dict[str, str]
    """The digest of every partition: equal ones are equal files, byte for byte."""
    rows: dict[str, list[tuple[Any, ...]]]
    workbooks: dict[str, str]

    @classmethod
    def of(cls, place: Place, relations: Collection[str], cache: Path) -> "State":
        lake = place.lake(cache)
        return cls(
            {one: lake.version(*one.split("/"), MONTH) for one in relations},
            database_rows(place.home, with_moments=False),
            workbook_content(place.home),
        )

    @classmethod
    def of_folder(cls, place: Place) -> "State":
        links = (place.home / "lake").glob(f"*/*/month={MONTH}")
        state = cls.of(place, sorted(f"{link.parent.parent.name}/{link.parent.name}" for link in links), place.home)
        assert len(state.versions) > 80
        assert len(state.rows["kpi_facts"]) > 20
        assert len(state.workbooks) > 20
        return state


def land(*places: Place, files: dict[str, bytes]) -> None:
    """Put files into landing, folder or bucket, as if all of them had arrived at one moment."""
    for place in places:
        for name, data in files.items():
            if place.bucket is not None:
                place.bucket.put(f"incoming/{name}", data)
                place.bucket.date(f"incoming/{name}", ARRIVED)
                continue
            path = place.home / "landing" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            os.utime(path, (ARRIVED.timestamp(), ARRIVED.timestamp()))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The month with its lake in a folder."""
    place = Place(forgetful(tmp_path_factory.mktemp("folder")))
    land(place, files=FIRST)
    place.run()
    return place


@pytest.fixture(scope="module")
def expected(folder: Place) -> State:
    """What the first submissions come to."""
    return State.of_folder(folder)


@pytest.fixture(scope="module")
def stored(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The month with landing and lake in a bucket; its Dagster keeps all events, which are searched."""
    place = Place(tmp_path_factory.mktemp("stored"), new_bucket(server, "kenpo"))
    land(place, files=FIRST)
    place.run()
    return place


def test_a_month_in_an_object_store_is_the_month_in_a_folder(
    folder: Place, expected: State, stored: Place, server: Server, tmp_path: Path
) -> None:
    assert State.of(stored, expected.versions, tmp_path / "first") == expected
    assert not (stored.home / "lake").exists()

    server.requests.clear()
    again = stored.run()
    assert (again.run_id, again.assets) == ("", ())
    assert {method for method, _ in server.requests} <= {"GET", "HEAD"}
    assert len(server.requests) < 500
    print(f"an unchanged month: {len(server.requests)} requests")  # noqa: T201 (told with -rP)

    land(folder, stored, files=AGAIN)
    first, second = folder.run(), stored.run()
    assert second.assets == first.assets
    assert second.failures == first.failures
    changed = State.of_folder(folder)
    assert changed.versions != expected.versions
    assert State.of(stored, changed.versions, tmp_path / "second") == changed

    # another machine, with nothing but the store, the same database and the same key
    other = Place(tmp_path / "other", stored.bucket)
    shutil.copytree(stored.home, other.home, ignore=shutil.ignore_patterns("lake-cache", "landing-mirror"))
    done = other.run()
    assert (done.run_id, done.assets) == ("", ()), "what one machine has made another does not make again"


def test_no_credentials_stand_in_what_is_stored_or_logged(stored: Place) -> None:
    assert stored.bucket is not None
    files = [path for path in stored.home.rglob("*") if path.is_file()]
    assert len(files) > 50
    for path in files:
        data = path.read_bytes()
        assert SECRET_KEY.encode() not in data and ACCESS_KEY.encode() not in data, path
    for key in stored.bucket.names():
        assert SECRET_KEY.encode() not in stored.bucket.get(key), key


def test_a_run_killed_in_uploads_and_before_manifests_is_run_again(
    expected: State, server: Server, tmp_path: Path
) -> None:
    stored = Place(forgetful(tmp_path / "stored"), new_bucket(server, "killed"))
    land(stored, files=FIRST)
    for fatal in (r"\.versions/raw/kpi_results/", r"staging/stg_kpi_results/month=", r"marts/mart_scorecard/made="):
        _run_and_kill(stored, server, fatal)
        lake = stored.lake(tmp_path / f"seen-{len(fatal)}")
        for layer, name in (one.split("/") for one in expected.versions):
            if lake.months(layer, name):
                lake.read(layer, name, MONTH)  # whole, or it raises
        assert died_unfinished(Installation.from_settings(stored.settings), MONTH)
    ended = subprocess.run(
        [KENPO, "run", "--month", MONTH],
        env=stored.environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr

    assert State.of(stored, expected.versions, tmp_path / "end") == expected
    assert list(stored.settings.lake_dir.rglob(".tmp-*")) == []


def _run_and_kill(stored: Place, server: Server, fatal: str) -> None:
    """Run the month in a process of its own, killed when it puts the object, which never arrives."""
    run: subprocess.Popen[bytes] | None = None

    def kill(method: str, path: str) -> Fault | None:
        if run is not None and method == "PUT" and re.search(fatal, path):
            os.kill(run.pid, signal.SIGKILL)
            return Fault(500, "InternalError")
        return None

    with server.meddling(kill):
        run = subprocess.Popen(
            [KENPO, "run", "--month", MONTH],
            env=stored.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert run.wait(300) == -signal.SIGKILL, fatal


def test_a_store_that_fails_now_and_then_is_a_month_like_any_other(
    expected: State, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_store, "_sleep", lambda seconds: None)
    stored = Place(forgetful(tmp_path / "stored"), new_bucket(server, "failing"))
    land(stored, files=FIRST)
    met = []

    def sometimes(method: str, path: str) -> Fault | None:
        met.append(path)
        return {3: Fault(500, "InternalError"), 6: Fault(503, "SlowDown"), 9: Fault(breaks=True)}.get(len(met) % 13)

    with server.meddling(sometimes):
        stored.run()

    assert len(met) > 300
    assert State.of(stored, expected.versions, tmp_path / "end") == expected


def test_a_store_that_is_away_fails_the_run_with_words_and_the_next_one_heals(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_store, "_sleep", lambda seconds: None)
    stored = Place(tmp_path / "stored", new_bucket(server, "away"))
    land(stored, files=FIRST)
    with (
        server.meddling(lambda method, path: Fault(503, "ServiceUnavailable") if "lake" in path else None),
        pytest.raises(LakeUnreachable, match="does not answer") as told,
    ):
        stored.lake(tmp_path / "cache").months("raw", "kpi_results")
    assert SECRET_KEY not in str(told.value)

    done = CliRunner(env={**stored.environment, "KENPO_LAKE_URL": "s3://no-such-bucket/lake"}).invoke(
        app, ["run", "--month", MONTH]
    )
    assert done.exit_code == 1
    assert "does not exist" in done.output and "check KENPO_LAKE_URL" in " ".join(done.output.split())


def test_the_lock_of_a_lake_in_a_store_is_in_the_home_with_sqlite(server: Server, tmp_path: Path) -> None:
    stored = Place(tmp_path / "stored", new_bucket(server, "locks"))
    one = Installation.from_settings(stored.settings)
    with month_lock(one, MONTH, "run"):
        assert (tmp_path / "stored" / "locks" / f"{MONTH}.lock").read_text(encoding="utf-8")
        with month_lock(one, MONTH):
            pass
        code = (
            "import sys; from pathlib import Path; from kenpo_pipelines.settings import load\n"
            "from resources.installation import Installation; from resources.month_lock import month_lock\n"
            f"with month_lock(Installation.from_settings(load()), '{MONTH}'): pass"
        )
        other = subprocess.run(
            [KENPO.with_name("python"), "-c", code], env=stored.environment, capture_output=True, text=True, check=False
        )
        assert MonthIsRunning.__name__ in other.stderr and "run run (process" in other.stderr
    assert not died_unfinished(one, MONTH)


def test_the_howto_is_true(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its commands, typed one after the other: the figure is published, and nothing of the lake is in the home but copies."""
    howto = CHECKOUT / "docs" / "howto" / "lake-in-an-object-store.md"
    stored = Place(forgetful(tmp_path), new_bucket(server, "howto"))
    values = {"HOME": tmp_path, "PSEUDONYM_KEY": KEY, "LAKE_URL": stored.settings.lake_url}
    for name, value in values.items():
        monkeypatch.setenv(f"KENPO_{name}", str(value))
    for name in ("DATABASE_URL", "LANDING_URL"):
        monkeypatch.delenv(f"KENPO_{name}", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("correction.csv").write_bytes(results(result("13", "20.1")))

    typed = [words[1:] for words in commands(howto) if words[0] == "kenpo"]
    told = [CliRunner().invoke(app, words) for words in typed]

    assert [(words[0], done.exit_code) for words, done in zip(typed, told, strict=True)] == [("submit", 0), ("run", 0)]
    rows = scorecard_rows(connect(stored.settings.sql_url), MONTH, 2025, "13", "guidance_rate_insured")
    assert [row.value_text for row in rows] == ["20.1%"]
    assert not (tmp_path / "lake").exists()
    assert stored.bucket is not None
    assert f"lake/marts/mart_scorecard/month={MONTH}.json" in stored.bucket.names()
