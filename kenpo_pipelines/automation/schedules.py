"""The monthly refresh: on a business day of the following month it asks for the month, and first for what earlier ones lack.

What lives here: on which day a month is refreshed, which months are still to be asked for, and the schedule. What does not: the
job (``jobs``), the day of each environment (``environments.yml``), runs for files that have just come (``arrivals``).

The schedule looks every morning, not only on the day itself: Dagster catches up on the last tick that a stopped daemon missed
and on no earlier one. What was asked for is read from the runs, so that each month is asked for once, however late; a run key
would not do, for Dagster compares those of a schedule within one tick only.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from logging import Logger

import dagster as dg

from kenpo_pipelines import fiscal
from kenpo_pipelines.automation.environments import Environment
from kenpo_pipelines.automation.jobs import MONTHLY_REFRESH
from kenpo_pipelines.submissions.landing import LandingError
from kenpo_pipelines.submissions.pending import pending_months
from resources.installation import Installation

REFRESH_SCHEDULE = "monthly_refresh_on_business_day"

WHY_TAG = "kenpo/asked_because"
"""Run tag, for people and for what asks: why a month was asked for."""

MONTH_IS_DUE, FILES_ARE_UNREAD = "the month is due", "a later month is due and counts its unread files"

PRIORITY_TAG = "dagster/priority"
_PARTITION_TAG = "dagster/partition"
_MOST_RUNS_LOOKED_AT = 100
"""Eight years of refreshes; a run that a person started again bears the tags of the first one."""


def refresh_moment(month: str, environment: Environment) -> dt.datetime:
    """Return when the month is refreshed: on the environment's business day of the month after it, in Tokyo."""
    day = fiscal.business_day_of_month(fiscal.add_months(month, 1), environment.refresh_business_day)
    return dt.datetime.combine(day, environment.refresh_at, fiscal.TOKYO)


def newest_due_month(now: dt.datetime, environment: Environment) -> str:
    """Return the newest month whose refresh is due at ``now`` (with a time zone)."""
    last_month = fiscal.add_months(f"{now.astimezone(fiscal.TOKYO):%Y-%m}", -1)
    return last_month if refresh_moment(last_month, environment) <= now else fiscal.add_months(last_month, -1)


def months_to_refresh(now: dt.datetime, environment: Environment, asked: Iterable[str]) -> list[str]:
    """Return the months that are due and were not asked for, ascending.

    They follow the newest one asked for. Where none ever was (a new installation, a schedule just switched on) it is the newest
    due month alone: the past is not made up for. There are none before the first partition.
    """
    newest = newest_due_month(now, environment)
    first = max((fiscal.add_months(month, 1) for month in asked), default=newest)
    return list(fiscal.month_range(max(first, fiscal.FIRST_MONTH), newest))


def refresh_requests(due: Sequence[str], unread: Sequence[str]) -> list[dg.RunRequest]:
    """Return one request per month, ascending: unread earlier months and the due ones."""
    return [
        dg.RunRequest(
            run_key=f"{'refresh' if month in due else 'unread'}:{month}",
            partition_key=month,
            tags={
                WHY_TAG: MONTH_IS_DUE if month in due else FILES_ARE_UNREAD,
                PRIORITY_TAG: str(priority_of(month)),
            },
        )
        for month in sorted({*due, *unread})
    ]


def priority_of(month: str) -> int:
    """Return the priority of a month's run in a queue: an earlier month goes first, for later ones read what it makes."""
    first_year, first_number = fiscal.split_month(fiscal.FIRST_MONTH)
    year, number = fiscal.split_month(month)
    return (first_year - year) * 12 + first_number - number


def refresh_schedule(environment: Environment) -> dg.ScheduleDefinition:
    """Return the schedule of the job ``monthly_refresh``."""

    @dg.schedule(
        name=REFRESH_SCHEDULE,
        job_name=MONTHLY_REFRESH,
        cron_schedule=cron_of(environment.refresh_at),
        execution_timezone=environment.timezone,
        default_status=environment.schedule_status,
        description=(
            f"Asks for the previous month on business day {environment.refresh_business_day} and, before it, for earlier "
            "months with files that were not read. On later days it asks only for what was missed."
        ),
    )
    def monthly_refresh_on_business_day(
        context: dg.ScheduleEvaluationContext, installation: dg.ResourceParam[Installation]
    ) -> list[dg.RunRequest] | dg.SkipReason:
        now = context.scheduled_execution_time
        due = months_to_refresh(now, environment, _asked_months(context.instance))
        if not due:
            return dg.SkipReason(_next_refresh(now, environment))
        return refresh_requests(due, unread_months(installation, context.log, before=due[-1]))

    return monthly_refresh_on_business_day


def unread_months(installation: Installation, log: Logger, before: str) -> list[str]:
    """Return the months before ``before`` with files that no run has read; none where landing cannot be looked at."""
    try:
        unread = pending_months(installation.lake, installation.listing(), installation.contracts, before)
    except LandingError as error:
        log.warning(f"months with unread files were not looked for: {error}")
        return []
    return [month for month in unread if month >= fiscal.FIRST_MONTH]


def cron_of(time: dt.time) -> str:
    """Return the cron expression of every day at this time."""
    return f"{time.minute} {time.hour} * * *"


def _asked_months(instance: dg.DagsterInstance) -> set[str]:
    """Months that were asked for because they were due, whatever became of the run: one that failed is told by an alert."""
    asked = dg.RunsFilter(job_name=MONTHLY_REFRESH, tags={WHY_TAG: MONTH_IS_DUE})
    records = instance.get_run_records(asked, limit=_MOST_RUNS_LOOKED_AT)
    return {record.dagster_run.tags[_PARTITION_TAG] for record in records}


def _next_refresh(now: dt.datetime, environment: Environment) -> str:
    newest = newest_due_month(now, environment)
    coming = fiscal.add_months(newest, 1)
    moment = refresh_moment(coming, environment)
    return (
        f"{coming} is refreshed on {moment:%Y-%m-%d} at {moment:%H:%M} {environment.timezone}, business day "
        f"{environment.refresh_business_day}; {newest} was asked for"
    )
