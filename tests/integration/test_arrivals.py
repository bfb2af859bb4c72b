"""The sensor on landing, evaluated as the daemon does against a real instance, and files that arrive in every way.

Runs are recorded as Dagster records them and not executed: what a run does is tested elsewhere. Here it reads files into the
lake, or fails.
"""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from kenpo_home import land, result, results, settings_of, target, targets

from kenpo_pipelines import fiscal
from kenpo_pipelines.automation.arrivals import ARRIVALS, FILES_TAG, arrivals_sensor
from kenpo_pipelines.automation.environments import environment
from kenpo_pipelines.automation.jobs import MONTHLY_REFRESH
from kenpo_pipelines.submissions.ingest import ingest
from kenpo_pipelines.submissions.landing import put
from resources.installation import Installation

JUNE, JULY = "2025-06", "2025-07"


@dg.op
def nothing() -> None: ...


@dg.job(name=MONTHLY_REFRESH)
def stand_in() -> None:
    """Bears the name under which runs are asked for."""
    nothing()


class Daemon:
    """Evaluates the sensor tick after tick and records the runs it asks for, as Dagster's daemon does."""

    def __init__(self, home: Path, instance: dg.DagsterInstance) -> None:
        self.home, self.instance = home, instance
        self.settings = settings_of(home)
        self.installation = Installation.from_settings(self.settings)
        self.cursor: str | None = None

    def evaluate(self) -> dg.SensorResult:
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources={"installation": self.installation}
        )
        found = arrivals_sensor(environment(self.settings))(context)
        assert isinstance(found, dg.SensorResult)
        return found

    def record(self, found: dg.SensorResult) -> list[str]:
        """Record runs whose key was not seen before, not started yet; return their months."""
        months = []
        for request in found.run_requests or ():
            assert request.run_key is not None and request.partition_key is not None
            tags = {**request.tags, "dagster/run_key": request.run_key, "dagster/sensor_name": ARRIVALS}
            tags |= {"dagster/partition": request.partition_key}
            if not self.instance.get_runs(dg.RunsFilter(tags={"dagster/run_key": request.run_key})):
                self.instance.create_run_for_job(stand_in, tags=tags)
                months.append(request.partition_key)
        return months

    def tick(self) -> list[str]:
        found = self.evaluate()
        months = self.record(found)
        self.cursor = found.cursor
        return months

    def ticks(self, count: int = 2) -> list[str]:
        return [month for _ in range(count) for month in self.tick()]

    def told(self) -> str:
        found = self.evaluate()
        assert found.skip_reason is not None
        return found.skip_reason.skip_message or ""

    def finish(self, *, successfully: bool = True) -> None:
        """Let the runs that wait read their month's files into the lake, or fail."""
        for run in self.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.NOT_STARTED])):
            if successfully:
                self.ingest(run.tags["dagster/partition"])
            kind = dg.DagsterEventType.PIPELINE_SUCCESS if successfully else dg.DagsterEventType.PIPELINE_FAILURE
            self.instance.report_dagster_event(dg.DagsterEvent(kind.value, run.job_name), run.run_id)

    def ingest(self, month: str) -> None:
        """Read the month's figures and targets as a run does."""
        one = self.installation
        for contract in (one.contracts[name] for name in ("kpi_results", "kpi_targets")):
            ingest(one.lake, one.landing, contract, one.catalogue, month)


@pytest.fixture(scope="module")
def dagster_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dagster")


@pytest.fixture(scope="module")
def instance(dagster_home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(dagster_home)) as instance:
        yield instance


@pytest.fixture
def daemon(tmp_path: Path, instance: dg.DagsterInstance) -> Iterator[Daemon]:
    yield Daemon(tmp_path, instance)
    instance.wipe()


def results_of(daemon: Daemon, month: str, **files: bytes) -> None:
    land(daemon.home, "kpi_results", month, {f"{name}.csv": data for name, data in files.items()})


def test_a_file_makes_one_run_of_its_month(daemon: Daemon) -> None:
    results_of(daemon, JUNE, a=results(result("13", "20.1")))

    assert (daemon.tick(), daemon.tick(), daemon.tick()) == ([], [JUNE], [])
    daemon.finish()
    assert daemon.ticks() == []
    assert daemon.told() == "nothing new in landing"


def test_five_hundred_files_make_one_run_per_month(daemon: Daemon) -> None:
    for month in (JUNE, JULY):
        results_of(daemon, month, **{f"f{number:03}": b"x" * (number + 1) for number in range(250)})

    daemon.tick()
    found = daemon.evaluate()

    assert [(one.partition_key, one.tags["dagster/priority"]) for one in found.run_requests or ()] == [
        (JUNE, "-26"),
        (JULY, "-27"),
    ]


def test_two_datasets_of_a_month_make_one_run(daemon: Daemon) -> None:
    results_of(daemon, JUNE, a=b"x")
    land(daemon.home, "claims", JUNE, {"b.csv": b"y"})

    assert daemon.ticks() == [JUNE]


def test_a_growing_file_holds_its_month_back_until_it_is_whole(daemon: Daemon) -> None:
    results_of(daemon, JUNE, whole=b"x")
    path = daemon.home / "landing" / "kpi_results" / JUNE / "grows.csv"
    for size in range(1, 5):
        path.write_bytes(b"x" * size)
        assert daemon.tick() == []
    path.write_bytes(b"x" * 5)

    assert f"{JUNE} waits for kpi_results/{JUNE} (grows.csv, whole.csv)" in daemon.told()
    assert daemon.ticks() == [JUNE]


def test_a_file_counts_from_when_it_is_renamed_into_its_place(daemon: Daemon) -> None:
    folder = daemon.home / "landing" / "kpi_results" / JUNE
    results_of(daemon, JUNE)
    folder.mkdir(parents=True)
    for name in (".a.csv.part", "~$a.xlsx", ".tmp-1"):
        (folder / name).write_bytes(b"x")
    assert daemon.ticks(3) == []

    (folder / ".a.csv.part").rename(folder / "a.csv")
    assert daemon.ticks() == [JUNE]


def test_the_same_file_again_makes_no_run(daemon: Daemon, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(results(result("13", "20.1")))
    contract = daemon.installation.contracts["kpi_results"]
    put(file, daemon.installation.landing, contract, JUNE)
    assert daemon.ticks() == [JUNE]
    daemon.finish()

    assert put(file, daemon.installation.landing, contract, JUNE)[1] is False
    assert daemon.ticks() == []


def test_a_correction_makes_a_run_and_so_does_its_withdrawal_each_once(daemon: Daemon) -> None:
    """The month comes back to a state that was asked for before, and must be run again."""
    results_of(daemon, JUNE, a=results(result("13", "20.1")))
    asked = daemon.ticks()
    for _ in range(2):
        daemon.finish()
        results_of(daemon, JUNE, b=results(result("13", "20.2")))
        os.utime(daemon.home / "landing" / "kpi_results" / JUNE / "b.csv", (1_750_000_000, 1_750_000_000))
        asked += daemon.ticks(3)
        daemon.finish()
        (daemon.home / "landing" / "kpi_results" / JUNE / "b.csv").unlink()
        asked += daemon.ticks(3)

    assert asked == [JUNE] * 5


def test_a_month_that_was_run_by_hand_needs_no_run(daemon: Daemon) -> None:
    results_of(daemon, JUNE, a=results(result("13", "20.1")))
    daemon.ingest(JUNE)

    assert daemon.ticks(3) == []


def test_files_put_back_after_a_run_by_hand_make_a_run(daemon: Daemon) -> None:
    results_of(daemon, JUNE, a=results(result("13", "20.1")))
    assert daemon.ticks() == [JUNE]
    daemon.finish()
    results_of(daemon, JUNE, b=results(result("13", "20.2")))
    daemon.ingest(JUNE)
    assert daemon.ticks() == []

    (daemon.home / "landing" / "kpi_results" / JUNE / "b.csv").unlink()
    assert daemon.ticks() == [JUNE]


@pytest.mark.parametrize("ends", ["waiting", "failed", "succeeded"])
def test_a_lost_cursor_makes_no_second_run(daemon: Daemon, ends: str) -> None:
    results_of(daemon, JUNE, a=results(result("13", "20.1")))
    assert daemon.ticks() == [JUNE]
    if ends != "waiting":
        daemon.finish(successfully=ends == "succeeded")

    daemon.cursor = None
    assert daemon.ticks(3) == []


def test_a_failed_run_is_not_repeated_before_files_change(daemon: Daemon) -> None:
    results_of(daemon, JUNE, a=results(result("13", "20.1")))
    assert daemon.ticks() == [JUNE]
    daemon.finish(successfully=False)
    assert daemon.ticks(3) == []

    results_of(daemon, JUNE, b=results(result("04", "20.1")))
    assert daemon.ticks() == [JUNE]


@pytest.mark.parametrize("after", ["evaluation", "requests"])
def test_a_tick_that_is_killed_makes_no_second_run(daemon: Daemon, dagster_home: Path, after: str) -> None:
    results_of(daemon, JUNE, a=results(result("13", "20.1")))
    daemon.tick()
    first = daemon.evaluate()
    child = os.fork()
    if child == 0:
        try:
            daemon.instance = dg.DagsterInstance.local_temp(str(dagster_home))
            found = daemon.evaluate()
            if after == "requests":
                daemon.record(found)
        finally:
            os.kill(os.getpid(), signal.SIGKILL)  # the cursor of this tick is stored nowhere
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL

    repeated = daemon.evaluate()
    asked_again = daemon.ticks(3)

    keys = [[one.run_key for one in found.run_requests or ()] for found in (first, repeated)]
    assert keys[1] == (keys[0] if after == "evaluation" else [])
    assert asked_again == ([JUNE] if after == "evaluation" else [])
    runs = daemon.instance.get_runs()
    assert [(run.tags["dagster/partition"], bool(run.tags[FILES_TAG])) for run in runs] == [(JUNE, True)]


def test_the_cursor_goes_on_after_a_restart(daemon: Daemon, dagster_home: Path) -> None:
    results_of(daemon, JUNE, a=results(result("13", "20.1")))
    daemon.tick()
    with dg.DagsterInstance.local_temp(str(dagster_home)) as after_the_restart:
        daemon.instance = after_the_restart

        assert (daemon.tick(), daemon.tick()) == ([JUNE], [])


def test_yearly_files_concern_the_newest_month_alone(daemon: Daemon) -> None:
    for month in (JUNE, JULY):
        results_of(daemon, month, a=results(result("13", "20.1")))
        daemon.ingest(month)
    assert daemon.ticks() == []

    land(daemon.home, "kpi_targets", "2025", {"t.csv": targets(target("13", "14.3"))})
    assert daemon.ticks() == [JULY]
    daemon.finish()
    assert daemon.ticks() == []


def test_yearly_files_before_any_run_wait_for_the_first(daemon: Daemon) -> None:
    land(daemon.home, "kpi_targets", "2025", {"t.csv": targets(target("13", "14.3"))})
    assert daemon.ticks(3) == []

    results_of(daemon, JUNE, a=results(result("13", "20.1")))
    assert daemon.ticks() == [JUNE]
    daemon.finish()
    assert daemon.ticks() == []


def test_files_taken_away_concern_their_month(daemon: Daemon) -> None:
    results_of(daemon, JUNE, a=results(result("13", "20.1")))
    daemon.ticks()
    daemon.finish()
    (daemon.home / "landing" / "kpi_results" / JUNE / "a.csv").unlink()

    assert daemon.ticks() == [JUNE]
    daemon.finish()
    assert daemon.ticks() == []


def test_what_no_run_can_read_is_named(daemon: Daemon) -> None:
    future = fiscal.add_months(fiscal.current_month(), 1)
    for place in (f"kpi_results/{future}", "kpi_results/2025-6", "dental_checks/2025-06"):
        dataset, folder = place.split("/")
        land(daemon.home, dataset, folder, {"a\nb.csv": b"x"})

    assert daemon.ticks(3) == []
    assert daemon.told() == (
        f"nothing new in landing. outside of the months that can be run, left alone: kpi_results/{future}. "
        "in no folder that a run reads: dental_checks/2025-06, kpi_results/2025-6"
    )


def test_a_tick_over_twenty_thousand_files_takes_less_than_five_seconds(daemon: Daemon) -> None:
    datasets = [name for name, one in daemon.installation.contracts.items() if one.dataset.folder == "month"]
    months = list(fiscal.month_range("2023-04", "2026-03"))
    per_folder = 20_000 // (len(datasets) * len(months)) + 1
    for folder in (daemon.installation.landing / name / month for name in datasets for month in months):
        folder.mkdir(parents=True)
        for number in range(per_folder):
            (folder / f"{number:03}.csv").write_bytes(b"x")

    slowest = 0.0
    for expected in (0, len(months), 0):
        began = time.process_time()  # of this process alone: other tests run beside this one
        found = daemon.evaluate()
        slowest = max(slowest, time.process_time() - began)
        assert len(daemon.record(found)) == expected
        daemon.cursor = found.cursor

    assert slowest < 5
    assert daemon.cursor is not None and len(daemon.cursor) < 20_000


def test_it_starts_by_itself_where_the_environment_says_so(daemon: Daemon) -> None:
    local = environment(daemon.settings)
    running = arrivals_sensor(replace(local, starts_running=True, arrivals_interval_s=60))

    assert arrivals_sensor(local).default_status is dg.DefaultSensorStatus.STOPPED
    assert running.default_status is dg.DefaultSensorStatus.RUNNING
    assert (running.minimum_interval_seconds, running.job_name) == (60, MONTHLY_REFRESH)
