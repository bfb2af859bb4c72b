"""One run of Dagster in this process: its noise in a log file, its progress to a callback.

What lives here: definitions, instance, the job. What does not: which assets of a month have something to do (``running``).
Import it where a run starts and not before: Dagster takes seconds.
"""

import logging
import logging.handlers
import warnings
from collections.abc import Callable, Collection, Mapping
from typing import Any

import dagster as dg

from kenpo_pipelines.automation.jobs import MONTHLY_REFRESH
from kenpo_pipelines.definitions import build_definitions
from kenpo_pipelines.models import Relation
from kenpo_pipelines.run_results import CheckFailure, Execution, RunFailed
from kenpo_pipelines.settings import Settings

_LOG_BYTES, _LOG_FILES = 10_000_000, 5


class MonthJob:
    """The monthly job. Make it once: definitions are loaded when it is made."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
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
        with warnings.catch_warnings(), dg.DagsterInstance.from_config(str(self._settings.dagster_dir)) as instance:
            warnings.simplefilter("ignore")
            result = self._job.execute_in_process(
                partition_key=month,
                instance=instance,
                asset_selection=[dg.AssetKey([one.layer, one.name]) for one in assets],
                run_config={"loggers": {"log_file": {}}},
                tags=tags,
                raise_on_error=False,
            )
        if not result.success:
            raise RunFailed(self._explain(result))
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
        return Execution(result.run_id, failures)

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
