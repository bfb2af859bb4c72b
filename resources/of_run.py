"""The installation as Dagster gives it to a run: with the run's month locked until the run is over.

What lives here: the resource's life in a run, the end of a backfill after a month that failed. What does not: the installation
itself, the lock.
"""

from collections.abc import Iterator
from contextlib import suppress

import dagster as dg

from kenpo_pipelines.lake import LakeError
from resources.backfills import refuse_after_failure
from resources.installation import Installation
from resources.month_lock import month_lock

_PARTITION_TAG, _BACKFILL_TAG = "dagster/partition", "dagster/backfill"
_NOT_DONE = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def installation_of_run(installation: Installation) -> dg.ResourceDefinition:
    """Return the resource that gives ``installation``, and holds the month of the run that asks for it.

    Steps run in one process, which makes resources once for the whole run, so the lock is held from before the first step to
    after the last, retries and their waiting among it. What other runs commit meanwhile is not looked at again, where looking
    costs: months that read what has changed since are found after the run. Outside of runs (sensors, previews in the UI)
    nothing is locked.
    """

    def given(context: dg.InitResourceContext) -> Iterator[Installation]:
        run = context.run
        month = run.tags.get(_PARTITION_TAG) if run is not None else None
        if run is None or month is None:
            yield installation
            return
        with month_lock(installation, month, run.run_id):
            if context.instance is not None:
                refuse_after_failure(installation, month, _failed_in_backfill(context.instance, run))
            with installation.lake.one_look():
                yield installation
            with suppress(LakeError):  # the next run's to do
                installation.lake.tidy()

    return dg.ResourceDefinition(given, description="Catalogue, contracts, models, lake, engine, database and folders.")


def _failed_in_backfill(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[str]:
    """The months that did not succeed in the backfill that the run belongs to; some may have been put right since."""
    backfill = run.tags.get(_BACKFILL_TAG)
    if backfill is None:
        return []
    ended = instance.get_runs(dg.RunsFilter(tags={_BACKFILL_TAG: backfill}, statuses=_NOT_DONE))
    return [one.tags[_PARTITION_TAG] for one in ended if _PARTITION_TAG in one.tags]
