"""The facts of a check result that alerts are made of, as metadata of the result.

What lives here: their names and form. Unlike a result's description and evidence they never hold a value of a row. What does
not: telling people (``kenpo_pipelines.automation.alerting``, which reads them from Dagster's events).
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import dagster as dg

MOST_FILES = 50
"""Submissions that a result names: one a branch, and some."""


@dataclass(frozen=True)
class NotHeld:
    """One thing that a check found wrong: ``what`` must hold in Japanese, how many rows do not, and of which branches.

    ``is_broken``: it could not be judged. ``unit`` is what ``failed`` counts.
    """

    rule: str
    what: str
    failed: int
    branches: tuple[tuple[str, int], ...] = ()
    is_broken: bool = False
    unit: str = "行"


def alert_facts(
    asset_key: dg.AssetKey,
    *,
    checked_rows: int,
    failed_rows: int,
    branches: Iterable[str],
    protects: Sequence[str],
    what_to_do: Iterable[str],
    not_held: Sequence[NotHeld],
    unit: str = "行",
    files: Iterable[tuple[str, str, str]] = (),
) -> dict[str, Any]:
    """Return the metadata of a check result that alerts are made of: never a value of a row, unlike descriptions and evidence.

    ``branches``: codes concerned, none = unknown or all; ``protects``: KPI ids or ``all``; ``unit`` of the counts, 行: rows.
    ``files``: submissions at fault, each its landing folder, name and SHA-256; the first ``MOST_FILES`` are kept.
    """
    return {
        "dataset": asset_key.path[-1],
        "branches": sorted({code for code in branches if code}),
        "failed_rows": failed_rows,
        "checked_rows": checked_rows,
        "unit": unit,
        "protects": list(protects),
        "what_to_do": "\n".join(dict.fromkeys(what_to_do)),
        "not_held": [asdict(one) for one in not_held],
        "files": [list(one) for one in islice(files, MOST_FILES)],
    }
