"""A month is run by one process at a time; the lock is free as soon as its process ends, however that ends."""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import dagster as dg
import pytest
from kenpo_home import environment, settings_of
from month_holding import held_elsewhere

from assets.common import MONTHS
from kenpo_pipelines.lake import LakeError
from resources.installation import Installation
from resources.month_lock import MonthIsRunning, died_unfinished, month_lock
from resources.of_run import installation_of_run

MONTH, OTHER = "2025-05", "2025-06"

HOLDER = """
import sys, time
from kenpo_home import settings_of
from pathlib import Path
from resources.installation import Installation
from resources.month_lock import month_lock
with month_lock(Installation.from_settings(settings_of(Path(sys.argv[1]))), sys.argv[2], "run-of-another"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation.from_settings(settings_of(tmp_path))


def asked(installation: Installation) -> str:
    try:
        with month_lock(installation, MONTH):
            return "free"
    except MonthIsRunning as refused:
        return str(refused)


def test_a_held_month_is_refused_with_the_run_and_since_when_and_free_afterwards(installation: Installation) -> None:
    with held_elsewhere(installation, MONTH):
        with pytest.raises(MonthIsRunning) as refused, month_lock(installation, MONTH):
            pytest.fail("the month is held")
        with month_lock(installation, OTHER):
            pass  # another month is another matter
    words = rf"2025-05 is being run by run run-of-another \(process {os.getpid()} on .+\) since \d{{4}}-\d\d-\d\d \d\d:\d\d\."
    assert re.match(words, str(refused.value))
    with month_lock(installation, MONTH):
        pass


def test_who_holds_a_month_may_take_it_again_and_gives_it_back_at_the_end(installation: Installation) -> None:
    with month_lock(installation, MONTH, "outer"):
        with month_lock(installation, MONTH, "inner"):
            pass
        refusals: list[str] = []
        asking = threading.Thread(target=lambda: refusals.append(asked(installation)))
        asking.start()
        asking.join()
        assert ["run outer" in one for one in refusals] == [True]
    with held_elsewhere(installation, MONTH):
        pass


def test_the_lock_of_a_killed_process_is_free(installation: Installation, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path), MONTH],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(tmp_path, PYTHONPATH=str(Path(__file__).parent)),
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(MonthIsRunning, match=f"process {holder.pid} on"), month_lock(installation, MONTH):
            pytest.fail("the month is held")
        assert not died_unfinished(installation, MONTH)
        holder.send_signal(signal.SIGKILL)
    assert died_unfinished(installation, MONTH)
    assert not died_unfinished(installation, MONTH), "told once: whoever asks sees to it"
    with month_lock(installation, MONTH):
        pass
    assert not died_unfinished(installation, MONTH)


def test_who_ends_by_itself_has_not_died(installation: Installation) -> None:
    assert not died_unfinished(installation, MONTH)
    with pytest.raises(RuntimeError, match="of the run"), month_lock(installation, MONTH, "run-that-fails"):
        raise RuntimeError("of the run")
    assert not died_unfinished(installation, MONTH)


def test_a_lock_that_cannot_be_made_is_told(installation: Installation, tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / ".locks").write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(LakeError, match="month 2025-05 cannot be run, its lock .* cannot be made"):
        month_lock(installation, MONTH).__enter__()


# --- in runs of Dagster, whoever starts them ---


def run_month(installation: Installation) -> dg.ExecuteInProcessResult:
    """A run of one month, which returns its id and what another is told who asks for the month meanwhile."""

    @dg.asset(partitions_def=MONTHS)
    def month_of_the_run(context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]) -> str:
        with held_elsewhere(installation, OTHER):
            pass  # another month is free
        refusals: list[str] = []
        asking = threading.Thread(target=lambda: refusals.append(asked(installation)))
        asking.start()
        asking.join()
        return f"{context.run_id} {refusals[0]}"

    definitions = dg.Definitions(
        assets=[month_of_the_run],
        resources={"installation": installation_of_run(installation)},
        executor=dg.in_process_executor,
    )
    with dg.DagsterInstance.ephemeral() as instance:
        job = definitions.resolve_implicit_global_asset_job_def()
        return job.execute_in_process(partition_key=MONTH, instance=instance, raise_on_error=False)


def test_a_run_holds_its_month_and_no_other_until_it_ends(installation: Installation) -> None:
    result = run_month(installation)
    assert result.success
    run_id, _, refusal = result.output_for_node("month_of_the_run").partition(" ")
    assert refusal.startswith(f"2025-05 is being run by run {run_id} ")
    assert asked(installation) == "free"


def test_a_run_of_a_month_that_is_held_fails_before_its_first_step(installation: Installation) -> None:
    with held_elsewhere(installation, MONTH):
        result = run_month(installation)
    assert not result.success
    assert [event for event in result.all_events if event.is_step_start] == []
    (failed,) = [event for event in result.all_events if event.is_job_failure]
    assert "2025-05 is being run by run run-of-another" in str(failed.job_failure_data.error)
    assert asked(installation) == "free"


def test_outside_of_runs_nothing_is_locked(installation: Installation) -> None:
    resources = {"installation": installation_of_run(installation)}
    with held_elsewhere(installation, MONTH), dg.build_resources(resources) as given:
        assert given.installation is installation
