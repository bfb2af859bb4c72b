"""What is new in landing: which months have files that no tick has seen to yet, and which of them are whole.

What lives here: one look, compared with what the looks before it remembered. What does not: listing landing
(``submissions.listing``), asking for runs (``arrivals``).

A run reads all files of its month, so a month is whole when each of its folders is as it was at the look before (names, sizes,
times) and none holds a file that is plainly on its way; and so must be the yearly folders, which every run reads. What is
remembered is a digest for each folder and month, however many files there are.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kenpo_pipelines import fiscal
from kenpo_pipelines.submissions.contract import Contract
from kenpo_pipelines.submissions.listing import Listed, Listing

YEARLY = "yearly"
"""All folders of yearly datasets together: every run reads them all."""

_ON_ITS_WAY = (".part", ".partial", ".filepart", ".crdownload", ".tmp")
"""Endings that transfer programs and browsers give to a file until it is whole."""
_GIVEN_UP_AFTER_NS = 3600 * 10**9
"""An empty or half-named file is on its way for an hour. Then it is what was sent: the run refuses it and says so, for one
forgotten file must not keep the other branches waiting."""
_DIGEST = 16
_MOST_NAMES = 3
_LONGEST_NAME = 60


class Memory(BaseModel):
    """What the last look saw and what has been seen to: the sensor's cursor. It is bounded by the number of folders."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    seen: Mapping[str, str] = Field(default_factory=dict)
    """Digest of the files by folder (``dataset/YYYY-MM``)."""
    handled: Mapping[str, str] = Field(default_factory=dict)
    """Digest of the files by month (or :data:`YEARLY`) as it was when a run was asked for, or none was needed."""

    @classmethod
    def parse(cls, cursor: str | None) -> "Memory":
        """Read a cursor. One that is lost or of another version is an empty memory: everything is looked at anew."""
        try:
            return cls() if cursor is None else cls.model_validate_json(cursor)
        except ValidationError:
            return cls()

    def after(self, look: "Look", settled: Iterable[str]) -> "Memory":
        """Return the memory after a look, when these months (or :data:`YEARLY`) have been seen to."""
        kept = {unit: digest for unit, digest in self.handled.items() if unit in look.digests}
        return Memory(seen=look.seen, handled=kept | {unit: look.digests[unit] for unit in settled})


@dataclass(frozen=True)
class Look:
    """What one look found."""

    seen: Mapping[str, str]
    digests: Mapping[str, str]
    """By month (or :data:`YEARLY`): what stands there now."""
    due: tuple[str, ...]
    """Months (and :data:`YEARLY`), ascending, that are whole and were not handled as they are."""
    waiting: Mapping[str, tuple[str, ...]]
    """Months that are not whole, and what they wait for, as it may be shown."""
    outside: tuple[str, ...]
    """Folders of months that cannot be run: before the first partition, or not begun yet."""


def look(
    listing: Listing, contracts: Mapping[str, Contract], memory: Memory, known_months: Collection[str], now_ns: int
) -> Look:
    """Compare a listing with the memory.

    ``known_months`` were run before, so that one from which all files were taken away is looked at, too; ``now_ns`` is the time
    in nanoseconds since 1970.
    """
    last_month = fiscal.current_month()
    by_unit: dict[str, list[str]] = {unit: [] for unit in (*known_months, YEARLY)}
    seen: dict[str, str] = {}
    moving: dict[str, str] = {}
    outside = []
    for (dataset, folder), files in sorted(listing.files.items()):
        key = f"{dataset}/{folder}"
        is_monthly = contracts[dataset].dataset.folder == "month"
        if is_monthly and not fiscal.FIRST_MONTH <= folder <= last_month:
            outside.append(key)
            continue
        by_unit.setdefault(folder if is_monthly else YEARLY, []).append(key)
        seen[key] = _digest([(one.name, one.size, one.modified_ns) for one in files])
        on_their_way = [one for one in files if _is_on_its_way(one, now_ns)]
        if on_their_way:
            moving[key] = f"{key} ({_named(on_their_way)})"
        elif seen[key] != memory.seen.get(key):
            moving[key] = f"{key} ({_named(sorted(files, key=lambda one: -one.modified_ns))})"
    digests = {unit: _digest([(key, seen[key]) for key in keys]) for unit, keys in by_unit.items()}
    for key in sorted(memory.seen.keys() - seen.keys()):  # emptied since: moving, too, for one look
        folder = key.partition("/")[2]
        unit = folder if "-" in folder else YEARLY
        by_unit.setdefault(unit, []).append(key)
        digests.setdefault(unit, _digest([]))
        moving[key] = key
    due, waiting = [], {}
    for unit in sorted(by_unit):
        if memory.handled.get(unit) == digests[unit]:
            continue
        blocked = [moving[key] for key in (*by_unit[unit], *by_unit[YEARLY]) if key in moving]
        if blocked:
            waiting[unit] = tuple(dict.fromkeys(blocked))
        else:
            due.append(unit)
    return Look(seen, digests, tuple(due), waiting, tuple(outside))


def _is_on_its_way(one: Listed, now_ns: int) -> bool:
    is_unfinished = one.size == 0 or one.name.lower().endswith(_ON_ITS_WAY)
    return is_unfinished and now_ns - one.modified_ns < _GIVEN_UP_AFTER_NS


def _named(files: Iterable[Listed]) -> str:
    names = [one.name for one in files]
    shown = [name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…" for name in names[:_MOST_NAMES]]
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"{', '.join(shown)}{more}"


def _digest(parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:_DIGEST]
