"""Until when the published figures must be fresh, so that the UI shows a refresh that never came.

What lives here: Dagster's freshness policy of the marts and the serving database. What does not: the refresh (``schedules``).
"""

import datetime as dt
from functools import cache

import dagster as dg

from kenpo_pipelines import fiscal
from kenpo_pipelines.automation.environments import Environment

_FIRST_MONTH, _LAST_MONTH = "2023-01", "2035-12"
"""Calendar that the days are taken from; cron knows no business days."""

_PUBLISHED = ("marts", "serving")
"""Groups of the assets that people read: what goes onto scorecards, and the database that they are written from."""

_GRACE = dt.timedelta(hours=6)
"""A refresh that starts in time is done by then, repeats after passing faults among it."""


def refresh_deadline(environment: Environment) -> dg.FreshnessPolicy:
    """Return the policy: made between the earliest and the latest day of a month that can be the refresh's business day.

    A policy is a cron expression, so the deadline is the latest such day of any month, some hours after the refresh. What was
    made after the earliest one passes; what is older shows as failing until it is made again.
    """
    earliest, latest = _refresh_days(environment.refresh_business_day)
    begin = dt.datetime.combine(dt.date(2023, 1, earliest), environment.refresh_at)
    deadline = dt.datetime.combine(dt.date(2023, 1, latest), environment.refresh_at) + _GRACE
    return dg.FreshnessPolicy.cron(
        deadline_cron=f"{deadline.minute} {deadline.hour} {deadline.day} * *",
        lower_bound_delta=deadline - begin,
        timezone=environment.timezone,
    )


def with_deadlines(definitions: dg.Definitions, environment: Environment) -> dg.Definitions:
    """Return the definitions with the refresh as the deadline of the marts and of the serving database."""
    policy = refresh_deadline(environment)
    return definitions.map_asset_specs(
        func=lambda spec: dg.apply_freshness_policy(spec, policy) if spec.group_name in _PUBLISHED else spec
    )


@cache
def _refresh_days(business_day: int) -> tuple[int, int]:
    """The earliest and the latest day of the month on which its business day of this number falls."""
    months = fiscal.month_range(_FIRST_MONTH, _LAST_MONTH)
    days = [fiscal.business_day_of_month(month, business_day).day for month in months]
    return min(days), max(days)
