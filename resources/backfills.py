"""What a month that did not succeed means for the months after it (docs/decisions/023).

What lives here: whether later months may be run, and the refusal of one that may not. What does not: the order of months
(``kenpo_pipelines.backfilling`` on the command line, the run queue in Dagster).
"""

from collections.abc import Iterable

from resources.installation import Installation
from resources.steps import SCORECARD_FILES, stale_steps


class EarlierMonthFailed(Exception):
    """An earlier month of the same backfill did not succeed; the message names it. Nothing was changed."""


def is_done_for_later_months(installation: Installation, month: str) -> bool:
    """True when all of the month is current that later ones read: everything but its scorecards."""
    return all(set(step.makes) <= set(SCORECARD_FILES) for step in stale_steps(installation, month))


def refuse_after_failure(installation: Installation, month: str, failed: Iterable[str]) -> None:
    """Raise :class:`EarlierMonthFailed` when one of the failed months is before this one and still not done."""
    for earlier in sorted(set(failed)):
        if earlier < month and not is_done_for_later_months(installation, earlier):
            raise EarlierMonthFailed(
                f"{earlier} of the same backfill did not succeed, and {month} reads what it makes: put {earlier} right, run it "
                f"again, then {month}."
            )
