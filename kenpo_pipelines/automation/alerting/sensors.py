"""The three sensors of alerts: over check results, over runs, and the one that sends.

What lives here: one tick of each, and their registration. What does not: what is told (``check_failures``, ``run_failures``),
how runs are found (``run_ends``), and how messages leave (``delivery``).

A tick tells in one transaction of the outbox and moves its cursor afterwards. A process killed between the two reads the same
runs again; what was told of each check and month, and when, stands in the outbox and makes the second telling a no-op.
"""

import datetime as dt
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import dagster as dg
from sqlalchemy import Engine

from kenpo_pipelines.automation.alerting.check_failures import Evaluation, check_news, evaluation_of
from kenpo_pipelines.automation.alerting.delivery import HELD_AT_MOST, deliver
from kenpo_pipelines.automation.alerting.names import Names
from kenpo_pipelines.automation.alerting.run_ends import (
    SUCCEEDED,
    Cursor,
    Ends,
    RunEnd,
    ended_runs,
    events_of,
    long_running,
)
from kenpo_pipelines.automation.alerting.run_failures import RunOutcome, reasons_of, run_news
from kenpo_pipelines.automation.alerting.submission_reports import SubmissionReports
from kenpo_pipelines.automation.alerting.telling import Teller
from kenpo_pipelines.automation.environments import Environment
from kenpo_pipelines.serving import outbox
from kenpo_pipelines.serving.outbox import Alert, Pending
from kenpo_pipelines.settings import Settings
from resources.installation import Installation

CHECK_SENSOR, RUN_SENSOR, DELIVERY_SENSOR = "check_failure_alerts", "run_failure_alerts", "alert_delivery"
RESULTS_PER_TICK = 2_000
"""Check results after which a tick ends with the run that it is at; the next tick goes on."""

_SEEN = "seen:"
_MONTH_TAG, _RETRY_TAG = "dagster/partition", "dagster/will_retry"


@dataclass(frozen=True)
class Watch:
    """What the ticks need: Dagster's storage, the outbox, and how to tell."""

    instance: dg.DagsterInstance
    database: Engine
    teller: Teller
    names: Names
    ui_url: str


@dataclass(frozen=True)
class Tick:
    """Behind which run the next tick goes on, and how many alerts are new."""

    cursor: Cursor
    alerts: int


def look_at_checks(watch: Watch, cursor: Cursor | None, now: float) -> Tick:
    """Tell what is news of the checks of the next runs that ended, and of runs that go on for long.

    ``now``: seconds since 1970.
    """
    ends = ended_runs(watch.instance, cursor, now)
    results: list[Evaluation] = []
    for position, end in enumerate(ends.ends):
        results += _results(watch.instance, end.run_id)
        if len(results) >= RESULTS_PER_TICK and position + 1 < len(ends.ends):
            ends = Ends(ends.ends[: position + 1], Cursor(end.storage_id, end.at), end.at)
            break
    for run_id in long_running(watch.instance, now):
        results += _results(watch.instance, run_id)
    states = outbox.states_of(watch.database, (one.state_subject for one in results))
    alerts, changed = check_news(results, states, watch.names, watch.ui_url)
    return Tick(
        ends.cursor, watch.teller.tell(watch.database, alerts, changed | _seen(watch, CHECK_SENSOR, ends, alerts))
    )


def look_at_runs(watch: Watch, cursor: Cursor | None, now: float) -> Tick:
    """Tell what is news of the next runs that ended. ``now``: seconds since 1970."""
    ends = ended_runs(watch.instance, cursor, now)
    outcomes = [_outcome(watch.instance, end) for end in ends.ends]
    states = outbox.states_of(watch.database, (one.state_subject for one in outcomes))
    alerts, changed = run_news(outcomes, states, watch.ui_url)
    return Tick(
        ends.cursor, watch.teller.tell(watch.database, alerts, changed | _seen(watch, RUN_SENSOR, ends, alerts))
    )


def is_run_incomplete(watch: Watch) -> Callable[[Pending], bool]:
    """Return the question whether a message must wait: its run has ended, and one of the two sensors was not there yet."""
    seen = outbox.states(watch.database, _SEEN)
    until = min(float(seen.get(f"{_SEEN}{name}", 0)) for name in (CHECK_SENSOR, RUN_SENSOR))

    def is_held(pending: Pending) -> bool:
        if dt.datetime.now(dt.UTC) - pending.since > HELD_AT_MOST:
            return False
        records = watch.instance.get_run_records(dg.RunsFilter(run_ids=[pending.group]), limit=1)
        return any(record.end_time is not None and record.end_time >= until for record in records)

    return is_held


def alert_sensors(
    settings: Settings, installation: Installation, here: Environment, telling: Teller
) -> list[dg.SensorDefinition]:
    """Return the sensors of the installation."""

    def watch(context: dg.SensorEvaluationContext) -> Watch:
        return Watch(
            context.instance, installation.database(), telling, Names.of(installation), settings.ui_url.rstrip("/")
        )

    def telling_sensor(
        name: str, look: Callable[[Watch, Cursor | None, float], Tick], description: str
    ) -> dg.SensorDefinition:
        @dg.sensor(
            name=name,
            minimum_interval_seconds=here.check_sensor_interval_s,
            default_status=here.sensor_status,
            description=description,
        )
        def tell(context: dg.SensorEvaluationContext) -> dg.SkipReason:
            tick = look(watch(context), Cursor.from_text(context.cursor), time.time())
            context.update_cursor(tick.cursor.to_text())
            return dg.SkipReason(f"{tick.alerts} new alerts")

        return tell

    @dg.sensor(
        name=DELIVERY_SENSOR,
        minimum_interval_seconds=here.delivery_interval_s,
        default_status=here.sensor_status,
        description="Sends queued alerts to the channels of KENPO_ALERT_URLS, and tries those again that failed.",
    )
    def alert_delivery(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        held = is_run_incomplete(watch(context))
        reports = SubmissionReports(installation, lambda run_id: _results(context.instance, run_id))
        done = deliver(installation.database(), telling.channels, settings.env, is_held=held, reports=reports)
        return dg.SkipReason(str(done))

    return [
        telling_sensor(
            CHECK_SENSOR, look_at_checks, "Tells of checks that begin to fail, fail differently or hold again."
        ),
        telling_sensor(RUN_SENSOR, look_at_runs, "Tells of runs that failed or were stopped, and of their recovery."),
        alert_delivery,
    ]


def _seen(watch: Watch, sensor: str, ends: Ends, alerts: Sequence[Alert]) -> dict[str, str]:
    """How far the sensor has looked; not noted by an idle tick while nothing waits to be sent, so that it writes nothing."""
    if ends.ends or alerts or outbox.is_anything_waiting(watch.database):
        return {f"{_SEEN}{sensor}": repr(ends.seen_until)}
    return {}


def _results(instance: dg.DagsterInstance, run_id: str) -> list[Evaluation]:
    return [evaluation_of(entry) for entry in events_of(instance, run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION)]


def _outcome(instance: dg.DagsterInstance, end: RunEnd) -> RunOutcome:
    run = instance.get_run_by_id(end.run_id)
    tags = {} if run is None else run.tags
    failures = []
    if end.outcome != SUCCEEDED:
        for entry in events_of(instance, end.run_id, dg.DagsterEventType.STEP_FAILURE):
            failures.append((entry.dagster_event.step_key or "", entry.dagster_event.step_failure_data.error))
        if not failures:
            for entry in events_of(instance, end.run_id, dg.DagsterEventType.RUN_FAILURE):
                failures.append(("", entry.dagster_event.job_failure_data.error))
    return RunOutcome(
        end=end,
        job="" if run is None else run.job_name,
        month=tags.get(_MONTH_TAG),
        will_be_retried=tags.get(_RETRY_TAG) == "true",
        reasons=reasons_of(failures),
    )
