"""Several months in a row: what a failure and Ctrl-C do to the months after them. No month is really run."""

import io
import os
import signal
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from kenpo_pipelines import cli, running
from kenpo_pipelines.backfilling import Account, run_months
from kenpo_pipelines.lake import LakeError
from kenpo_pipelines.run_results import RunFailed
from kenpo_pipelines.terminal import progress_bar

MONTHS = ("2024-03", "2024-04", "2024-05", "2024-06")
Happens = dict[str, Callable[[], None]]


def account(happens: Happens, *, may_go_on: bool = False) -> tuple[Account, list[str]]:
    """Run the months; what ``happens`` in one is called in the middle of it. Returns the account and what was told."""
    told: list[str] = []

    def run(month: str) -> Any:
        happens.get(month, lambda: None)()
        return SimpleNamespace(month=month)

    found = run_months(
        MONTHS,
        run,
        on_done=lambda done: told.append(done.month),
        on_failed=lambda month, why: told.append(f"{month}: {why}"),
        may_go_on_after=lambda month: may_go_on,
    )
    return found, told


def fails(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


@pytest.fixture(autouse=True)
def ctrl_c_is_heard() -> Iterator[None]:
    """As at a terminal: a process that a shell started in the background is born deaf to it, and its tests with it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def captured_signals() -> Iterator[None]:
    """Signals do nothing by themselves, as in the moments in which Dagster captures them."""
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    yield
    signal.signal(signal.SIGINT, before)


def ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_months_are_run_in_order_and_nothing_is_left() -> None:
    found, told = account({})

    assert found == Account(done=MONTHS, failed=(), left=())
    assert found.open == ()
    assert told == list(MONTHS)


@pytest.mark.parametrize("error", [RunFailed("marts_models: disk full"), LakeError("disk full")])
def test_a_failure_that_later_months_need_ends_it(error: Exception) -> None:
    found, told = account({"2024-04": fails(error)})

    assert found == Account(done=("2024-03",), failed=("2024-04",), left=("2024-05", "2024-06"))
    assert found.open == ("2024-04", "2024-05", "2024-06")
    assert told == ["2024-03", f"2024-04: {error}"]


def test_after_a_failure_that_concerns_no_later_month_the_others_are_run() -> None:
    found, _ = account({"2024-04": fails(RunFailed("scorecards: a workbook is open"))}, may_go_on=True)

    assert found == Account(done=("2024-03", "2024-05", "2024-06"), failed=("2024-04",), left=())
    assert found.open == ("2024-04",)


def test_an_error_of_the_program_is_not_told_as_a_failed_month() -> None:
    with pytest.raises(ZeroDivisionError):
        account({"2024-04": fails(ZeroDivisionError())})


def test_ctrl_c_leaves_the_month_under_way_and_those_after_it() -> None:
    found, told = account({"2024-05": ctrl_c})

    assert found == Account(("2024-03", "2024-04"), (), ("2024-05", "2024-06"), is_interrupted=True)
    assert told == ["2024-03", "2024-04"]


@pytest.mark.usefixtures("captured_signals")
def test_a_run_that_ctrl_c_broke_is_left_and_has_not_failed() -> None:
    def broken() -> None:
        ctrl_c()
        raise RunFailed("Query interrupted")

    found, told = account({"2024-05": broken})

    assert found == Account(("2024-03", "2024-04"), (), ("2024-05", "2024-06"), is_interrupted=True)
    assert told == ["2024-03", "2024-04"]


@pytest.mark.usefixtures("captured_signals")
def test_ctrl_c_that_a_run_did_not_notice_ends_after_its_month() -> None:
    found, _ = account({"2024-04": ctrl_c})

    assert found == Account(("2024-03", "2024-04"), (), ("2024-05", "2024-06"), is_interrupted=True)


@pytest.mark.usefixtures("captured_signals")
def test_ctrl_c_in_the_last_month_leaves_nothing() -> None:
    found, _ = account({"2024-06": ctrl_c})

    assert found == Account(MONTHS, (), ())


def test_afterwards_signals_are_as_they_were() -> None:
    before = signal.set_wakeup_fd(-1)
    account({})

    assert signal.set_wakeup_fd(-1) == before == -1
    with pytest.raises(KeyboardInterrupt):
        ctrl_c()


# --- what is told ---


@pytest.fixture
def backfill(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[Happens], Any]:
    """Return a function that calls ``kenpo backfill`` on months that do nothing but what happens in them."""

    def call(happens: Happens) -> Any:
        def execute(self: running.MonthRunner, plan: running.Plan, on_event: Any) -> running.MonthRun:
            happens.get(plan.month, lambda: None)()
            return running.MonthRun(plan.month, "", (), None, 0, 0, 0, 0, 0, (), ())

        monkeypatch.setattr(running.MonthRunner, "execute", execute)
        monkeypatch.setattr(running.MonthRunner, "plan", lambda self, month, **how: running.Plan(month, ()))
        monkeypatch.setattr("sys.argv", ["/opt/kenpo"])
        home = {"KENPO_HOME": str(tmp_path / "home"), "KENPO_PSEUDONYM_KEY": "x", "COLUMNS": "200"}
        command = ["backfill", "--from", MONTHS[0], "--to", MONTHS[-1], "--force"]
        return CliRunner().invoke(cli.app, command, env=home, catch_exceptions=False)

    return call


def test_a_failed_month_is_told_with_what_is_left_and_the_command_to_go_on(backfill: Callable[[Happens], Any]) -> None:
    done = backfill({"2024-05": fails(RunFailed("publish: the database is gone"))})

    assert done.exit_code == 1
    assert [line.rstrip() for line in done.stderr.splitlines()[2:]] == [
        "✗ 2024-05 failed: publish: the database is gone",
        "Not all is done.",
        "  Done:   2024-03 … 2024-04 (2 months)",
        "  Failed: 2024-05",
        "  Left:   2024-06",
        "  Months after 2024-05 read what it makes, so they were not run.",
        "  Go on with: /opt/kenpo backfill --from 2024-05 --to 2024-06 --force",
    ]


def test_ctrl_c_is_told_with_what_is_done_and_the_command_to_go_on(backfill: Callable[[Happens], Any]) -> None:
    done = backfill({"2024-04": ctrl_c})

    assert done.exit_code == 1
    assert [line.rstrip() for line in done.stderr.splitlines()[1:]] == [
        "Stopped.",
        "  Done:   2024-03",
        "  Left:   2024-04 … 2024-06 (3 months)",
        "  Go on with: /opt/kenpo backfill --from 2024-04 --to 2024-06 --force",
    ]


def test_the_progress_bar_can_be_drawn_before_it_is_known_how_much_there_is_to_do() -> None:
    written = io.StringIO()
    with progress_bar(Console(file=written, force_terminal=True, width=120)) as bar:
        task = bar.add_task("2024-03  looking for what has changed", total=None)
        bar.refresh()
        bar.reset(task, description="2024-04  marts_models", total=90, completed=7)
        bar.refresh()

    assert "looking for what has changed" in written.getvalue()
    assert "7/90" in written.getvalue()


def test_without_a_terminal_no_bar_is_drawn() -> None:
    written = io.StringIO()
    with progress_bar(Console(file=written, force_terminal=False)) as bar:
        bar.add_task("2024-03", total=None)
        bar.console.print("✓ 2024-03")

    assert written.getvalue() == "✓ 2024-03\n"
