"""Arrivals: a sensor that watches landing and asks for a run of each month for which files have come, changed or gone.

What lives here: the sensor, and which months a change concerns. What does not: when a month's files are whole
(``landing_watch``), looking into landing (``submissions.listing``), later months that read what changed (``later_months``).

A month is asked for once for each state of its files, however often a tick is repeated. Three things see to that: the cursor;
the lake, which may hold just these files already (``kenpo run``, or a run that was asked for); and the runs themselves, of
which the newest one asked for says what for. So a lost cursor costs one more look.

The files of a yearly dataset concern the newest month that was run, and no other. Every run reads them all; a judgement that is
published keeps its target, so months before the newest would only gain targets registered after they were closed.
"""

import time
from collections.abc import Iterable

import dagster as dg

from kenpo_pipelines.automation.environments import Environment
from kenpo_pipelines.automation.jobs import MONTHLY_REFRESH
from kenpo_pipelines.automation.landing_watch import YEARLY, Look, Memory, look
from kenpo_pipelines.automation.schedules import PRIORITY_TAG, WHY_TAG, priority_of
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.landing_store import LandingUnreachable
from kenpo_pipelines.submissions.listing import Listing
from kenpo_pipelines.submissions.partitions import LEDGER
from kenpo_pipelines.submissions.pending import is_ingested
from resources.installation import Installation

ARRIVALS = "arrivals"
FILES_HAVE_COME = "its files in landing have changed"
FILES_TAG = "kenpo/files"
"""Run tag: digest of the files for which the run was asked for."""
_PARTITION_TAG = "dagster/partition"
_MOST_TOLD = 5


def arrivals_sensor(environment: Environment) -> dg.SensorDefinition:
    """Return the sensor that asks for runs of the job ``monthly_refresh``, one per month, as files arrive."""

    @dg.sensor(
        name=ARRIVALS,
        job_name=MONTHLY_REFRESH,
        minimum_interval_seconds=environment.arrivals_interval_s,
        default_status=environment.sensor_status,
        description=(
            "Looks into landing and asks for a run of each month whose files have come, changed or gone, when two looks in a "
            "row found all files of the month alike. Months outside of the partitions are named and left alone."
        ),
    )
    def arrivals(
        context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
    ) -> dg.SensorResult | dg.SkipReason:
        memory = Memory.parse(context.cursor)
        try:
            listing = installation.listing()
        except LandingUnreachable as error:
            return dg.SkipReason(str(error))  # the cursor stays: what it remembers is still the last that was seen
        tick = Tick(installation, listing, memory, time.time_ns())
        for line in tick.warnings():
            context.log.warning(line)
        requests, settled = tick.requests(context.instance)
        return dg.SensorResult(
            run_requests=requests,
            skip_reason=None if requests else tick.told(),
            cursor=memory.after(tick.found, settled).model_dump_json(),
        )

    return arrivals


class Tick:
    """One look into landing, and what follows from it."""

    def __init__(self, installation: Installation, listing: Listing, memory: Memory, now_ns: int) -> None:
        self._installation = installation
        self._listing = listing
        contracts = installation.contracts
        self._monthly = [contract for contract in contracts.values() if contract.dataset.folder == "month"]
        self._yearly = [contract for contract in contracts.values() if contract.dataset.folder != "month"]
        run_before = {month for name in contracts for month in installation.lake.months(LEDGER, name)}
        self._newest = max(run_before, default=None)
        self.found: Look = look(listing, contracts, memory, run_before, now_ns)

    def requests(self, instance: dg.DagsterInstance) -> tuple[list[dg.RunRequest], list[str]]:
        """Return the runs to ask for, ascending by month, and the months (or ``YEARLY``) that are seen to with them."""
        wanted: dict[str, list[str]] = {}
        settled: list[str] = []
        for unit in self.found.due:
            month = self._newest if unit == YEARLY else unit
            contracts = self._yearly if unit == YEARLY else self._monthly
            if month is None or self._is_in_lake(contracts, month):
                settled.append(unit)  # a month that is run for the first time reads the yearly files anyway
            elif month not in self.found.waiting:
                wanted.setdefault(month, []).append(unit)
        asked = [request for month in sorted(wanted) if (request := self._request(instance, month)) is not None]
        return asked, [*settled, *(unit for units in wanted.values() for unit in units)]

    def _is_in_lake(self, contracts: Iterable[Contract], month: str) -> bool:
        return all(is_ingested(self._installation.lake, self._listing, contract, month) for contract in contracts)

    def _request(self, instance: dg.DagsterInstance, month: str) -> dg.RunRequest | None:
        """Return the request, or None where a run was asked for with just these files and has not succeeded (yet).

        One that failed is not repeated here: that is told by an alert, and somebody starts it again. After one that succeeded
        the lake would hold these files, had they not changed and changed back since.
        """
        files = self.found.digests[month]
        if month == self._newest:
            files = f"{files}-{self.found.digests[YEARLY]}"
        asked = dg.RunsFilter(job_name=MONTHLY_REFRESH, tags={_PARTITION_TAG: month, WHY_TAG: FILES_HAVE_COME})
        last = next((record.dagster_run for record in instance.get_run_records(asked, limit=1)), None)
        if last is not None and last.tags.get(FILES_TAG) == files and not last.is_success:
            return None
        return dg.RunRequest(
            run_key=f"{month}/{files}/{'first' if last is None else last.run_id}",
            partition_key=month,
            tags={WHY_TAG: FILES_HAVE_COME, FILES_TAG: files, PRIORITY_TAG: str(priority_of(month))},
        )

    def warnings(self) -> list[str]:
        """Return what is in landing that no run can read."""
        lines = []
        if self.found.outside:
            lines.append(f"outside of the months that can be run, left alone: {_some(self.found.outside)}")
        if self._listing.unread:
            lines.append(f"in no folder that a run reads: {_some(self._listing.unread)}")
        return lines

    def told(self) -> str:
        """Return why no run is asked for."""
        waiting = [f"{unit} waits for {_some(places)}" for unit, places in self.found.waiting.items()]
        told = [_some(waiting, "; ")] if waiting else ["nothing new in landing"]
        return ". ".join([*told, *self.warnings()])


def _some(items: Iterable[str], separator: str = ", ") -> str:
    listed = list(items)
    more = f" and {len(listed) - _MOST_TOLD} more" if len(listed) > _MOST_TOLD else ""
    return f"{separator.join(listed[:_MOST_TOLD])}{more}"
