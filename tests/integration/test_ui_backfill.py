"""A backfill that Dagster drives: none of its months is run after one that failed and is needed.

Runs are of a job that has nothing to do, with the resource that every run of a month has. A real one, started over GraphQL, is
in ``test_deployment``.
"""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from kenpo_home import settings_of

from assets.common import MONTHS
from kenpo_pipelines.running import prepare_home
from resources import backfills
from resources.installation import Installation
from resources.of_run import installation_of_run

BACKFILL = {"dagster/backfill": "nightly"}


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    settings = settings_of(tmp_path / "home")
    prepare_home(settings)
    return Installation.from_settings(settings)


class Job:
    """A month that fails as long as :attr:`is_broken`, under the resource of the real one."""

    def __init__(self, installation: Installation, instance: dg.DagsterInstance) -> None:
        self.is_broken = False
        self.done: list[str] = []
        self._instance = instance

        @dg.asset(partitions_def=MONTHS)
        def month(context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]) -> None:
            if self.is_broken:
                raise dg.Failure("broken")
            self.done.append(context.partition_key)

        definitions = dg.Definitions(
            assets=[month],
            jobs=[dg.define_asset_job("one_month", selection=[month])],
            resources={"installation": installation_of_run(installation)},
            executor=dg.in_process_executor,
        )
        self._job = definitions.resolve_job_def("one_month")

    def run(self, month: str, tags: dict[str, str], *, is_broken: bool = False) -> dg.ExecuteInProcessResult:
        self.is_broken = is_broken
        return self._job.execute_in_process(
            partition_key=month, instance=self._instance, tags=tags, raise_on_error=False
        )


def reasons(result: dg.ExecuteInProcessResult) -> str:
    return " ".join(str(event.event_specific_data) for event in result.all_events if event.is_failure)


def test_months_after_one_that_failed_are_refused_until_it_is_put_right(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    current: set[str] = set()
    monkeypatch.setattr(backfills, "is_done_for_later_months", lambda installation, month: month in current)
    with dg.DagsterInstance.ephemeral() as instance:
        job = Job(installation, instance)
        assert job.run("2024-03", BACKFILL).success
        assert not job.run("2024-04", BACKFILL, is_broken=True).success

        refused = job.run("2024-05", BACKFILL)

        assert not refused.success
        assert "2024-04 of the same backfill did not succeed, and 2024-05 reads what it makes" in reasons(refused)
        assert job.run("2024-03", BACKFILL).success, "an earlier month does not need it"
        assert job.run("2024-05", {"dagster/backfill": "another"}).success
        assert job.run("2024-05", {}).success, "who runs one month has the word"
        current |= {"2024-04", "2024-05"}
        assert job.run("2024-05", BACKFILL).success
        assert job.done == ["2024-03", "2024-03", "2024-05", "2024-05", "2024-05"]


def test_a_month_of_which_nothing_is_there_is_not_done_for_later_ones(installation: Installation) -> None:
    assert not backfills.is_done_for_later_months(installation, "2024-04")


def test_only_workbooks_are_of_no_use_to_later_months(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    from resources.steps import month_steps

    steps = month_steps(installation)
    for step in steps:
        monkeypatch.setattr(backfills, "stale_steps", lambda installation, month, step=step: [step])
        is_of_workbooks: Any = all(one.layer == "scorecards" for one in step.makes)
        assert backfills.is_done_for_later_months(installation, "2024-04") is is_of_workbooks
