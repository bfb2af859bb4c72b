"""Later months: when a month was run, those after it that had read its old state are run again, in order.

What lives here: the sensor on successful runs. What does not: which months are outdated (``resources.outdated``).

Each success asks for the earliest outdated month from its own on; that run's success asks for the next. A month is its own
first candidate, for an earlier one may have changed while it ran. The chain ends because no month is asked for twice in a row
for the same state of the months before it: one that did not become current by its run is passed over, one whose run failed
ends the chain until somebody has it run. Runs on the command line start no chain; they tell the person the months and the
command.
"""

import dagster as dg

from kenpo_pipelines.automation.environments import Environment
from kenpo_pipelines.automation.jobs import MONTHLY_REFRESH, monthly_refresh
from kenpo_pipelines.automation.schedules import PRIORITY_TAG, WHY_TAG, priority_of
from resources.installation import Installation
from resources.outdated import outdated_months, version_of_earlier_months

LATER_MONTHS = "later_months"
EARLIER_HAS_CHANGED = "an earlier month that it reads has changed"
EARLIER_TAG = "kenpo/earlier_months"
"""Run tag: version of the earlier months for which the run was asked for."""
_PARTITION_TAG = "dagster/partition"


def later_months_sensor(environment: Environment) -> dg.SensorDefinition:
    """Return the sensor that asks for a run of the earliest outdated month after each successful run of ``monthly_refresh``."""
    job = monthly_refresh()

    @dg.run_status_sensor(
        name=LATER_MONTHS,
        run_status=dg.DagsterRunStatus.SUCCESS,
        monitored_jobs=[job],
        request_job=job,
        minimum_interval_seconds=environment.arrivals_interval_s,
        default_status=environment.sensor_status,
        description="After each successful run asks for the earliest month from it on that has read what has changed.",
    )
    def later_months(
        context: dg.RunStatusSensorContext, installation: dg.ResourceParam[Installation]
    ) -> dg.RunRequest | dg.SkipReason:
        month = context.dagster_run.tags.get(_PARTITION_TAG)
        if month is None:
            return dg.SkipReason("the run was of no month")
        return next_request(context.instance, installation, month)

    return later_months


def next_request(instance: dg.DagsterInstance, installation: Installation, month: str) -> dg.RunRequest | dg.SkipReason:
    """Return the request that follows from a successful run of the month, or why there is none."""
    for outdated in outdated_months(installation, month):
        version = version_of_earlier_months(installation, outdated)
        runs = dg.RunsFilter(job_name=MONTHLY_REFRESH, tags={_PARTITION_TAG: outdated})
        last = next((record.dagster_run for record in instance.get_run_records(runs, limit=1)), None)
        if last is not None and not last.is_finished:
            return dg.SkipReason(f"{outdated} has read what has changed; a run of it is under way")
        if last is None or last.tags.get(EARLIER_TAG) != version:
            return dg.RunRequest(
                run_key=f"{outdated}/{version}/{'first' if last is None else last.run_id}",
                partition_key=outdated,
                tags={
                    WHY_TAG: EARLIER_HAS_CHANGED,
                    EARLIER_TAG: version,
                    PRIORITY_TAG: str(priority_of(outdated)),
                },
            )
        if not last.is_success:
            return dg.SkipReason(f"{outdated} has read what has changed; the run asked for it did not succeed")
    return dg.SkipReason(f"no month from {month} on has read what has changed")
