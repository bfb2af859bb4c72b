"""Runs that have ended, in the order in which they ended, and the check results of a run: what both alert sensors read.

What lives here: the cursor and the questions to Dagster's event log. What does not: what is told of a run.

Check results are read by run and not by their own ids: Dagster's default storage (SQLite) keeps the events of each run in a
file of its own, so that only the ends of runs have one order in every storage; ``get_event_records``, which would read all
check results in one stream, is deprecated and refuses such a storage. What a run found is complete once it has ended, and one
message can tell all of it. A run that goes on for long is looked at before (``long_running``).
"""

import datetime as dt
import heapq
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg

RUNS_PER_TICK = 25
SETTLED_S = 2.0
"""An end of a run is left for the next tick until it is this old: another one with a lower id may still be being written."""

LOOK_BACK = dt.timedelta(days=1)
"""How far the first tick of an installation looks back: what is older is history that nobody needs to be told."""

LONG_RUN = dt.timedelta(minutes=15)
"""A run that has gone on for this long is told of before it ends."""

_LOST_RUN = dt.timedelta(days=1)
_EVENTS_PER_PAGE = 500

SUCCEEDED, FAILED, CANCELED = "succeeded", "failed", "canceled"
_ENDS: dict[Any, str] = {
    dg.DagsterEventType.RUN_SUCCESS: SUCCEEDED,
    dg.DagsterEventType.RUN_FAILURE: FAILED,
    dg.DagsterEventType.RUN_CANCELED: CANCELED,
}


@dataclass(frozen=True)
class RunEnd:
    """One run that has ended. ``at``: seconds since 1970."""

    storage_id: int
    run_id: str
    outcome: str
    at: float


@dataclass(frozen=True)
class Cursor:
    """The last end of a run that was told of: its id in Dagster's storage, and when it was, in seconds since 1970."""

    storage_id: int
    at: float

    def to_text(self) -> str:
        """Return the cursor as Dagster keeps it."""
        return json.dumps({"storage_id": self.storage_id, "at": self.at})

    @classmethod
    def from_text(cls, text: str | None) -> "Cursor | None":
        """Return the cursor that Dagster kept; None for a sensor that has not ticked yet."""
        return None if not text else cls(**json.loads(text))


@dataclass(frozen=True)
class Ends:
    """Ends of runs in their order, and the cursor behind the last one.

    ``seen_until``: all ends of runs before this moment (seconds since 1970) are among these or were before.
    """

    ends: tuple[RunEnd, ...]
    cursor: Cursor
    seen_until: float


def ended_runs(instance: dg.DagsterInstance, cursor: Cursor | None, now: float) -> Ends:
    """Return the next runs that ended after the cursor, at most :data:`RUNS_PER_TICK`.

    Without a cursor the last day is looked at. A cursor that lies behind everything in the storage tells that the storage was
    wiped; then the time of the cursor says what is new.
    """
    settled = now - SETTLED_S
    start = cursor or Cursor(0, (dt.datetime.fromtimestamp(now, dt.UTC) - LOOK_BACK).timestamp())
    if cursor is not None and _newest_id(instance) < cursor.storage_id:
        start = Cursor(0, cursor.at)
    after_time = start.at if start.storage_id == 0 else None
    streams = [list(_stream(instance, event_type, start.storage_id, after_time)) for event_type in _ENDS]
    # where a stream has more than was asked for, the others may not get ahead of it
    bounds = [stream[-1].storage_id for stream in streams if len(stream) == RUNS_PER_TICK]
    found = list(heapq.merge(*streams, key=lambda one: one.storage_id))
    in_reach = [one for one in found if not bounds or one.storage_id <= min(bounds)][:RUNS_PER_TICK]
    taken = list(itertools.takewhile(lambda one: one.at <= settled, in_reach))
    last = Cursor(taken[-1].storage_id, taken[-1].at) if taken else start
    is_caught_up = not bounds and len(taken) == len(in_reach) == len(found)
    return Ends(tuple(taken), last, settled if is_caught_up else last.at)


def long_running(instance: dg.DagsterInstance, now: float) -> list[str]:
    """Return the runs that have gone on for longer than :data:`LONG_RUN` and not for days, as lost ones do."""
    moment = dt.datetime.fromtimestamp(now, dt.UTC)
    filters = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING], created_after=moment - _LOST_RUN
    )
    records = instance.get_run_records(filters, limit=RUNS_PER_TICK)
    return [
        record.dagster_run.run_id
        for record in records
        if record.start_time is not None and record.start_time < (moment - LONG_RUN).timestamp()
    ]


def events_of(instance: dg.DagsterInstance, run_id: str, event_type: dg.DagsterEventType) -> Iterator[Any]:
    """Yield the run's event log entries of the type, in their order."""
    cursor: str | None = None
    while True:
        page = instance.get_records_for_run(run_id, cursor=cursor, of_type=event_type, limit=_EVENTS_PER_PAGE)
        yield from (record.event_log_entry for record in page.records)
        if not page.has_more:
            return
        cursor = page.cursor


def _stream(instance: dg.DagsterInstance, event_type: Any, after_id: int, after_time: float | None) -> Iterator[RunEnd]:
    wanted = dg.RunStatusChangeRecordsFilter(event_type, after_storage_id=after_id, after_timestamp=after_time)
    for record in instance.fetch_run_status_changes(wanted, limit=RUNS_PER_TICK, ascending=True).records:
        entry = record.event_log_entry
        yield RunEnd(record.storage_id, entry.run_id, _ENDS[event_type], entry.timestamp)


def _newest_id(instance: dg.DagsterInstance) -> int:
    newest = 0
    for event_type in _ENDS:
        for record in instance.fetch_run_status_changes(event_type, limit=1).records:
            newest = max(newest, record.storage_id)
    return newest
