"""One run of Dagster in this process: its noise in a log file, its progress to a callback.

What lives here: definitions, instance, the job, and the runs of earlier processes that were killed. What does not: which assets
of a month have something to do (``running``). Import it where a run starts and not before: Dagster takes seconds.
"""

import logging
import logging.handlers
import uuid
import warnings
from collections.abc import Callable, Collection, Mapping
from typing import Any

import dagster as dg

from expectations.checks import is_silence
from kenpo_pipelines.automation.jobs import MONTHLY_REFRESH
from kenpo_pipelines.definitions import build_definitions
from kenpo_pipelines.models import Relation
from kenpo_pipelines.run_results import CheckFailure, Execution, RunFailed
from kenpo_pipelines.settings import Settings
from resources.faults import fault_of
from resources.installation import Installation
from resources.month_lock import MonthIsRunning, month_lock

_LOG_BYTES, _LOG_FILES = 10_000_000, 5

_COMMAND_LINE_TAG = "kenpo/command_line"
"""Run tag of the command line's runs, their own id: a run that the UI starts again has the tags of the first one."""

_PARTITION_TAG = "dagster/partition"
_DIED = "Its process ended without a word: it was killed, or the machine stopped. The next run does what this one has not done."
_UNFINISHED = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


class MonthJob:
    """The monthly job. Make it once: definitions are loaded when it is made."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._installation = Installation.from_settings(settings)
        self._on_event: Callable[[str, str], None] = lambda kind, key: None
        definitions = dg.Definitions.merge(
            build_definitions(settings), dg.Definitions(loggers={"log_file": self._logger()})
        )
        self._job = definitions.resolve_job_def(MONTHLY_REFRESH)

    def execute(
        self,
        month: str,
        assets: Collection[Relation],
        on_event: Callable[[str, str], None],
        tags: Mapping[str, str],
    ) -> Execution:
        """Materialise these assets of the month, with their checks; raise :class:`RunFailed`."""
        self._on_event = on_event
        run_id = str(uuid.uuid4())
        try:
            with (
                month_lock(self._installation, month, run_id),
                warnings.catch_warnings(),
                dg.DagsterInstance.from_config(str(self._settings.dagster_dir)) as instance,
            ):
                warnings.simplefilter("ignore")
                self._end_dead_runs(instance)
                result = self._job.execute_in_process(
                    partition_key=month,
                    instance=instance,
                    asset_selection=[dg.AssetKey([one.layer, one.name]) for one in assets],
                    run_config={"loggers": {"log_file": {}}},
                    run_id=run_id,
                    tags={**tags, _COMMAND_LINE_TAG: run_id},
                    raise_on_error=False,
                )
        except Exception as error:
            fault = fault_of(error)
            if fault is None:
                raise
            raise RunFailed(self._with_log(fault.text)) from error
        if not result.success:
            raise RunFailed(self._explain(result))
        failures = tuple(
            CheckFailure(
                asset=check.asset_key.to_user_string(),
                check=check.check_name,
                is_error=check.severity is dg.AssetCheckSeverity.ERROR,
                description=check.description or "",
                is_silence=is_silence(check.metadata),
            )
            for check in result.get_asset_check_evaluations()
            if not check.passed
        )
        return Execution(result.run_id, failures)

    def end_dead_runs(self) -> None:
        """Tell Dagster of runs whose process was killed when all their work was done, so that no other run will."""
        with warnings.catch_warnings(), dg.DagsterInstance.from_config(str(self._settings.dagster_dir)) as instance:
            warnings.simplefilter("ignore")
            self._end_dead_runs(instance)

    def _tell(self, kind: str, key: str) -> None:
        self._on_event(kind, key)

    def _end_dead_runs(self, instance: dg.DagsterInstance) -> None:
        """Tell Dagster of the command line's runs whose process was killed: it would show them as running for ever.

        A run holds its month from before Dagster knows of it, so one whose month is free, or this process's, has ended.
        """
        unfinished = instance.get_runs(dg.RunsFilter(job_name=MONTHLY_REFRESH, statuses=_UNFINISHED))
        for run in unfinished:
            if run.tags.get(_COMMAND_LINE_TAG) != run.run_id:
                continue
            try:
                with month_lock(self._installation, run.tags[_PARTITION_TAG]):
                    found = instance.get_run_by_id(run.run_id)
                    if found is not None and not found.is_finished:
                        instance.report_run_failed(found, _DIED)
            except MonthIsRunning:
                continue

    def _explain(self, result: dg.ExecuteInProcessResult) -> str:
        reasons = []
        for event in result.all_events:
            if event.is_step_failure:
                failure = event.step_failure_data
                said = failure.user_failure_data.description if failure.user_failure_data else None
                reasons.append(f"{event.step_key}: {said or _first_cause(failure.error)}")
            elif event.is_job_failure and event.job_failure_data.error is not None:
                reasons.append(_first_cause(event.job_failure_data.error))
        return self._with_log("\n".join(reasons) or "the run did not start")

    def _with_log(self, told: str) -> str:
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


def _first_cause(error: Any) -> str:
    while error.cause is not None:
        error = error.cause
    return str(error.message).strip()


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
        elif event.event_type_value == "STEP_UP_FOR_RETRY":
            self._tell("step", f"{event.step_key}: trying again in {event.step_retry_data.seconds_to_wait} s")
        elif event.event_type_value == "ASSET_MATERIALIZATION":
            self._tell("asset", event.asset_key.to_user_string())
