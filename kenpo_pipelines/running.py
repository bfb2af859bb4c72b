"""Running a month from the command line: what has something to do is run by Dagster, what is as it should be is left alone.

What lives here: the home folder, the plan of a month, the account of it. What does not: Dagster itself (``execution``, which is
imported when a run starts), when a step is current (``resources.steps``), what is printed (``cli``).
"""

import datetime as dt
import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from kenpo_pipelines import fiscal
from kenpo_pipelines.models import Relation
from kenpo_pipelines.run_results import CheckFailure
from kenpo_pipelines.scorecards.publication import written_at
from kenpo_pipelines.settings import Settings, SettingsError
from kenpo_pipelines.submissions.partitions import LEDGER
from resources.installation import Installation
from resources.month_lock import died_unfinished
from resources.outdated import outdated_months
from resources.steps import FORCE_TAG, RENEW_TARGETS_TAG, Step, month_steps, stale_steps

if TYPE_CHECKING:
    from kenpo_pipelines.execution import MonthJob

_DAGSTER_YAML = """\
# Written by kenpo when the file is missing; edit it as you like. For PostgreSQL and services see deploy/ in the checkout.

# What is started in the UI waits its turn: a month reads what earlier ones made.
concurrency:
  runs:
    max_concurrent_runs: 1
# A run that still stands as running after two hours was killed unnoticed: the queue goes on.
run_monitoring:
  enabled: true
  max_runtime_seconds: 7200
# Events of runs are kept, looks of schedules and sensors for a while.
retention:
  schedule:
    purge_after_days: 90
  sensor:
    purge_after_days:
      skipped: 2
      started: 2
      success: 30
      failure: 90
telemetry:
  enabled: false
nux:
  enabled: false
"""

OnEvent = Callable[[str, str], None]


@dataclass(frozen=True)
class Plan:
    """What a run of the month has to do. ``is_forced``: all of it, whether needed or not."""

    month: str
    steps: tuple[Step, ...]
    is_forced: bool = False
    renews_targets: bool = False
    """True when published judgements are to take the targets that hold today."""

    @property
    def tags(self) -> dict[str, str]:
        """Tags of the run, by which its steps know what was asked for."""
        asked = {FORCE_TAG: self.is_forced, RENEW_TARGETS_TAG: self.renews_targets}
        return {tag: "true" for tag, is_asked in asked.items() if is_asked}

    @property
    def assets(self) -> tuple[Relation, ...]:
        """The assets that the run materialises, in order."""
        return tuple(one for step in self.steps for one in step.makes)


@dataclass(frozen=True)
class MonthRun:
    """A month as it stands after a run. Counts are rows over all submissions of the month."""

    month: str
    run_id: str
    """Empty when nothing had to be done and no run was started."""
    assets: tuple[str, ...]
    """What the run materialised; all else was current."""
    unchanged_since: dt.datetime | None
    """When the month was run last, in Tokyo, where nothing had to be done."""
    files: int
    files_refused: int
    rows_read: int
    rows_loaded: int
    rows_rejected: int
    failures: tuple[CheckFailure, ...]
    """Checks that do not pass, those of earlier runs among them where their asset was current."""
    outdated_months: tuple[str, ...]
    """Later months that were run before and read what has changed."""


def prepare_home(settings: Settings) -> None:
    """Make the folders of the installation and Dagster's settings file, where they are missing."""
    for folder in (settings.landing_dir, settings.lake_dir, settings.outputs_dir, settings.dagster_dir):
        _make(folder)
    _make(settings.log_file.parent)
    config = settings.dagster_dir / "dagster.yaml"
    if not config.exists():
        config.write_text(_DAGSTER_YAML, encoding="utf-8")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"cannot make the folder {folder}: {error}; KENPO_HOME names the home folder") from error


class MonthRunner:
    """Runs months one after another in this process. Make it once: definitions are loaded when the first run starts."""

    def __init__(self, settings: Settings) -> None:
        prepare_home(settings)
        self._settings = settings
        self._installation = Installation.from_settings(settings)

    @cached_property
    def job(self) -> "MonthJob":
        """The job that runs what a plan names; asked for the first time it imports Dagster and loads definitions."""
        from kenpo_pipelines.execution import MonthJob

        return MonthJob(self._settings)

    def plan(self, month: str, *, force: bool = False, renew_targets: bool = False) -> Plan:
        """Return what has to be done for the month: what has changed and what is made from it; with ``force`` all.

        With ``renew_targets`` its judgements are made again, by the targets that hold today.
        """
        self._installation.fetch_landed(month)
        if force:
            steps = month_steps(self._installation)
        else:
            steps = stale_steps(self._installation, month, renews_targets=renew_targets)
        return Plan(month, tuple(steps), is_forced=force, renews_targets=renew_targets)

    def run(
        self,
        month: str,
        on_event: OnEvent = lambda kind, key: None,
        *,
        force: bool = False,
        renew_targets: bool = False,
    ) -> MonthRun:
        """Plan the month and do what the plan says; raise RunFailed."""
        return self.execute(self.plan(month, force=force, renew_targets=renew_targets), on_event)

    def execute(self, plan: Plan, on_event: OnEvent = lambda kind, key: None) -> MonthRun:
        """Do what the plan says. ``on_event`` is told ('step', name) and ('asset', key) as they come.

        Raises RunFailed. An empty plan starts no run.
        """
        month = plan.month
        if not plan.steps:
            if died_unfinished(self._installation, month):
                self.job.end_dead_runs()
            since = written_at(self._installation.outputs, month)
            with self._installation.lake.one_look():
                return self._account(month, "", (), since, self._failures(plan, ()), ())
        done = self.job.execute(month, plan.assets, on_event, plan.tags)
        with self._installation.lake.one_look():
            failures = self._failures(plan, done.failures)
            outdated = tuple(outdated_months(self._installation, fiscal.add_months(month, 1)))
            return self._account(month, done.run_id, plan.assets, None, failures, outdated)

    def _failures(self, plan: Plan, told: Collection[CheckFailure]) -> tuple[CheckFailure, ...]:
        """Return what the run's checks told, and what earlier runs noted of the partitions that were current."""
        failures: list[CheckFailure] = []
        for one in (one for step in month_steps(self._installation) for one in step.makes):
            asset = f"{one.layer}/{one.name}"
            if one in plan.assets:
                failures += [failure for failure in told if failure.asset == asset]
                continue
            made = self._installation.lake.made(one.layer, one.name, plan.month)
            failures += [
                CheckFailure(asset, note["check"], note["is_error"], note["description"], note.get("is_silence", False))
                for note in (made.notes if made else None) or ()
            ]
        return tuple(failures)

    def _account(
        self,
        month: str,
        run_id: str,
        assets: Collection[Relation],
        unchanged_since: dt.datetime | None,
        failures: tuple[CheckFailure, ...],
        outdated_months: tuple[str, ...],
    ) -> MonthRun:
        columns = ("status", "rows_read", "rows_loaded", "rows_rejected")
        lake = self._installation.lake
        ledger = [
            row
            for dataset in self._installation.contracts
            for row in lake.read(LEDGER, dataset, month).select(columns).to_pylist()
        ]
        return MonthRun(
            month=month,
            run_id=run_id,
            assets=tuple(f"{one.layer}/{one.name}" for one in assets),
            unchanged_since=unchanged_since,
            files=len(ledger),
            files_refused=sum(row["status"] == "refused" for row in ledger),
            rows_read=sum(row["rows_read"] for row in ledger),
            rows_loaded=sum(row["rows_loaded"] for row in ledger),
            rows_rejected=sum(row["rows_rejected"] for row in ledger),
            failures=failures,
            outdated_months=outdated_months,
        )


@contextmanager
def quiet(settings: Settings) -> Iterator[None]:
    """Keep Python's warnings and library loggers away from people; the log file has them."""
    logging.captureWarnings(True)
    root = logging.getLogger()
    before = root.handlers[:]
    _make(settings.log_file.parent)
    handler = logging.FileHandler(settings.log_file, encoding="utf-8", delay=True)
    root.handlers = [handler]
    try:
        yield
    finally:
        root.handlers = before
        handler.close()
        logging.captureWarnings(False)
