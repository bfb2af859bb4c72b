"""Running a month from the command line: Dagster in this process, its noise in a log file, its progress to a callback.

What lives here: the home folder, the Dagster instance, one run. What does not: what is printed (``cli``).
"""

import logging
import logging.handlers
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from kenpo_pipelines.automation.jobs import MONTHLY_REFRESH
from kenpo_pipelines.definitions import build_definitions
from kenpo_pipelines.settings import Settings, SettingsError
from resources.installation import Installation

_DAGSTER_YAML = """\
# Written by kenpo when the file is missing; edit it as you like.
telemetry:
  enabled: false
nux:
  enabled: false
"""
_MART = ("marts", "mart_scorecard")
_LOG_BYTES, _LOG_FILES = 10_000_000, 5


class RunFailed(Exception):
    """A run ended without success; the message names the step and the cause."""


@dataclass(frozen=True)
class CheckFailure:
    """One check that did not pass. ``is_error`` False means a warning."""

    asset: str
    check: str
    is_error: bool
    description: str


@dataclass(frozen=True)
class MonthRun:
    """What one run did. Counts are rows over all submissions the run read."""

    month: str
    run_id: str
    files: int
    files_refused: int
    rows_read: int
    rows_loaded: int
    rows_rejected: int
    failures: tuple[CheckFailure, ...]
    outdated_months: tuple[str, ...]
    """Later months that were run before and read what this run has changed."""


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
    """Runs months one after another in this process. Make it once: definitions are loaded when it is made."""

    def __init__(self, settings: Settings) -> None:
        prepare_home(settings)
        self._settings = settings
        self._installation = Installation.from_settings(settings)
        self._on_event: Callable[[str, str], None] = lambda kind, key: None
        self._definitions = dg.Definitions.merge(
            build_definitions(settings), dg.Definitions(loggers={"log_file": self._logger()})
        )
        self._job = self._definitions.resolve_job_def(MONTHLY_REFRESH)

    @property
    def asset_count(self) -> int:
        """Number of assets that one run materialises."""
        return len(list(self._job.asset_layer.executable_asset_keys))

    def run(self, month: str, on_event: Callable[[str, str], None] = lambda kind, key: None) -> MonthRun:
        """Materialise one month, all layers. ``on_event`` is told ('step', name) and ('asset', key) as they come.

        Raises :class:`RunFailed`.
        """
        self._on_event = on_event
        before = self._history_versions(month)
        with warnings.catch_warnings(), dg.DagsterInstance.from_config(str(self._settings.dagster_dir)) as instance:
            warnings.simplefilter("ignore")
            result = self._job.execute_in_process(
                partition_key=month,
                instance=instance,
                run_config={"loggers": {"log_file": {}}},
                raise_on_error=False,
            )
        if not result.success:
            raise RunFailed(self._explain(result))
        is_changed = before != self._history_versions(month)
        later = [one for one in self._installation.lake.months(*_MART) if one > month] if is_changed else []
        return _month_run(month, result, tuple(later))

    def _history_versions(self, month: str) -> dict[str, str]:
        """Versions of the month's partitions that later months read too."""
        lake = self._installation.lake
        read_later = {relation for model in self._installation.project.models for relation in model.history}
        return {
            relation.sql_name: lake.version(relation.layer, relation.name, month)
            for relation in read_later
            if month in lake.months(relation.layer, relation.name)
        }

    def _tell(self, kind: str, key: str) -> None:
        self._on_event(kind, key)

    def _explain(self, result: Any) -> str:
        reasons = []
        for event in result.all_events:
            if event.is_step_failure:
                error = event.step_failure_data.error
                while error.cause is not None:
                    error = error.cause
                reasons.append(f"{event.step_key}: {error.message.strip()}")
        told = "\n".join(reasons) or "the run did not start"
        return f"{told}\nThe whole story is in {self._settings.log_file}"

    def _logger(self) -> dg.LoggerDefinition:
        handler = logging.handlers.RotatingFileHandler(
            self._settings.log_file, maxBytes=_LOG_BYTES, backupCount=_LOG_FILES, encoding="utf-8", delay=True
        )
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))

        def log_file(context: dg.InitLoggerContext) -> logging.Logger:
            logger = logging.Logger("kenpo.dagster", level=logging.DEBUG)
            logger.addHandler(handler)
            logger.addHandler(_Progress(self._tell))
            return logger

        return dg.LoggerDefinition(log_file, description="The command line's log file, and its progress bar.")


class _Progress(logging.Handler):
    """Turns Dagster's events into ('step', name) and ('asset', key)."""

    def __init__(self, tell: Callable[[str, str], None]) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, "dagster_event", None)
        if event is None:
            return
        if event.event_type_value == "STEP_START":
            self._tell("step", str(event.step_key))
        elif event.event_type_value == "ASSET_MATERIALIZATION":
            self._tell("asset", event.asset_key.to_user_string())


def _month_run(month: str, result: Any, outdated_months: tuple[str, ...]) -> MonthRun:
    totals = dict.fromkeys(("files", "files_refused", "rows_read", "rows_loaded", "rows_rejected"), 0)
    for event in result.get_asset_materialization_events():
        if event.asset_key.path[0] == "ledger":
            metadata = event.materialization.metadata
            for name in totals:
                totals[name] += int(metadata[name].value)
    failures = tuple(
        CheckFailure(
            asset=check.asset_key.to_user_string(),
            check=check.check_name,
            is_error=check.severity is dg.AssetCheckSeverity.ERROR,
            description=check.description or "",
        )
        for check in result.get_asset_check_evaluations()
        if not check.passed
    )
    return MonthRun(month=month, run_id=result.run_id, failures=failures, outdated_months=outdated_months, **totals)


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
