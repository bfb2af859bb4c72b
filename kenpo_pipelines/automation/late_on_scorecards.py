"""Late submissions as the national page shows them: of the scorecard's own month, on the day of its publication.

What lives here: that choice, and names for readers. What does not: who is late (``lateness``), the page. The day is that of the
publication and not of the writing, so that a page that is written again says the same.
"""

from collections.abc import Collection, Mapping

from sqlalchemy import Engine

from kenpo_pipelines import fiscal
from kenpo_pipelines.automation.lateness import REASON_TEXT, expected_of, late_branches
from kenpo_pipelines.catalogue.model import Branch
from kenpo_pipelines.lake import Lake
from kenpo_pipelines.scorecards.pages.national_events import LateSubmission
from kenpo_pipelines.serving.queries import publication
from kenpo_pipelines.submissions.contract import Contract


def late_on_scorecards(
    engine: Engine, lake: Lake, contracts: Mapping[str, Contract], branches: Collection[Branch], month: str
) -> list[LateSubmission] | None:
    """Return who was late with what of the month when it was published, by dataset and branch; None for one that never was."""
    published = publication(engine, month)
    if published is None:
        return None
    today = published.published_at.astimezone(fiscal.TOKYO).date()
    expected = [one for contract in contracts.values() for one in expected_of(lake, contract, [month])]
    names = {branch.code: branch.name for branch in branches}
    return [
        LateSubmission(
            period=one.period,
            dataset=one.dataset,
            dataset_name=contracts[one.dataset].dataset.name_ja,
            branch_code=one.branch_code,
            branch=names[one.branch_code],
            due_on=one.due_on,
            reason=REASON_TEXT[one.reason],
        )
        for one in late_branches(lake, contracts, branches, expected, today)
    ]
