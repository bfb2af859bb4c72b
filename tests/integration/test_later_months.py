"""The sensor on successful runs, over a lake of three months whose partitions say from what they were made.

The models are those of the project and the logic is that of a run: each is current while its inputs have the versions that it
was made from. Only the rows are none that a KPI could be computed from, so that a month takes no time.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest
from kenpo_home import settings_of

from kenpo_pipelines.automation.environments import environment
from kenpo_pipelines.automation.jobs import MONTHLY_REFRESH
from kenpo_pipelines.automation.later_months import LATER_MONTHS, later_months_sensor, next_request
from kenpo_pipelines.models import Relation
from resources.installation import Installation
from resources.outdated import outdated_months
from resources.steps import INPUTS, JUDGEMENTS, model_fingerprint

MAY, JUNE, JULY = "2025-05", "2025-06", "2025-07"
FIGURES = Relation("raw", "kpi_results")


@dg.op
def nothing() -> None: ...


@dg.job(name=MONTHLY_REFRESH)
def stand_in() -> None:
    """Bears the name of the job that is watched."""
    nothing()


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster"))) as instance:
        yield instance


class World:
    """An installation, and what Dagster would do with its runs."""

    def __init__(self, home: Path, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.installation = Installation.from_settings(settings_of(home))

    def write(self, relation: Relation, month: str, content: str) -> str:
        return self.installation.lake.write(relation.layer, relation.name, month, pa.table({"made_from": [content]}))

    def run(self, month: str) -> None:
        """Make the month's models as a run does, each from what it reads."""
        for model in self.installation.project.models:
            if model.layer == "marts":
                self.write(JUDGEMENTS, month, self.installation.engine.version(INPUTS, month))
            read = "".join(self.installation.engine.input_versions(model, month))
            version = None if model.is_view else self.write(model.relation, month, read)
            fingerprint = model_fingerprint(self.installation, model, month)
            self.installation.lake.remember(model.layer, model.name, month, fingerprint, version=version)

    def start(self, month: str, **tags: str) -> dg.DagsterRun:
        return self.instance.create_run_for_job(stand_in, tags={"dagster/partition": month, **tags})

    def end(self, run: dg.DagsterRun, *, successfully: bool = True) -> dg.DagsterEvent:
        kind = dg.DagsterEventType.PIPELINE_SUCCESS if successfully else dg.DagsterEventType.PIPELINE_FAILURE
        event = dg.DagsterEvent(kind.value, run.job_name)
        self.instance.report_dagster_event(event, run.run_id)
        return event

    def resubmit(self, month: str, content: str = "second") -> None:
        """A file comes, and its month is run by a person."""
        self.write(FIGURES, month, content)
        self.run(month)
        self.end(self.start(month))

    def asked_after(self, month: str) -> dg.RunRequest | str:
        found = next_request(self.instance, self.installation, month)
        return found if isinstance(found, dg.RunRequest) else str(found.skip_message)

    def follow(self, month: str, *, makes_current: bool = True) -> list[str]:
        """Do what is asked for after each success until nothing is; return the months in order."""
        asked = []
        while isinstance(request := self.asked_after(month), dg.RunRequest):
            assert request.partition_key is not None
            month = request.partition_key
            asked.append(month)
            assert len(asked) < 10, "it does not end"
            if makes_current:
                self.run(month)
            self.end(self.start(month, **request.tags))
        return asked


@pytest.fixture(scope="module")
def lake_of_three_months(tmp_path_factory: pytest.TempPathFactory, instance: dg.DagsterInstance) -> Path:
    world = World(tmp_path_factory.mktemp("home"), instance)
    for month in (MAY, JUNE, JULY):
        for source in world.installation.project.sources:
            world.write(source.relation, month, "first")
        world.run(month)
    return world.installation.lake.root


@pytest.fixture
def world(tmp_path: Path, lake_of_three_months: Path, instance: dg.DagsterInstance) -> Iterator[World]:
    world = World(tmp_path, instance)
    shutil.copytree(lake_of_three_months, world.installation.lake.root, symlinks=True)
    yield world
    instance.wipe()


def test_nothing_is_outdated_where_nothing_changed(world: World) -> None:
    assert list(outdated_months(world.installation, MAY)) == []
    assert world.asked_after(MAY) == "no month from 2025-05 on has read what has changed"


def test_later_months_are_asked_for_in_order_each_once(world: World) -> None:
    world.resubmit(MAY)
    assert list(outdated_months(world.installation, JUNE)) == [JUNE, JULY]

    assert world.follow(MAY) == [JUNE, JULY]
    assert list(outdated_months(world.installation, MAY)) == []
    assert world.follow(MAY) == []


def test_an_earlier_month_goes_first_in_the_queue(world: World) -> None:
    world.resubmit(MAY)

    request = world.asked_after(MAY)

    assert isinstance(request, dg.RunRequest)
    assert (request.partition_key, request.tags["dagster/priority"]) == (JUNE, "-26")
    assert request.run_key == f"{JUNE}/{request.tags['kenpo/earlier_months']}/first"


def test_a_second_change_asks_again(world: World) -> None:
    for content in ("second", "first", "second"):
        world.resubmit(JUNE, content)
        assert world.follow(JUNE) == [JULY]


def test_a_run_by_hand_in_between_does_not_count_as_the_one_asked_for(world: World) -> None:
    world.resubmit(JUNE, "second")
    assert world.follow(JUNE) == [JULY]
    world.resubmit(JUNE, "third")
    world.run(JULY)
    world.end(world.start(JULY))
    assert world.follow(JUNE) == []

    world.resubmit(JUNE, "second")
    assert world.follow(JUNE) == [JULY]


def test_a_month_that_is_being_run_is_not_asked_for(world: World) -> None:
    world.resubmit(MAY)
    waiting = world.start(JUNE)

    assert world.asked_after(MAY) == "2025-06 has read what has changed; a run of it is under way"
    world.run(JUNE)
    world.end(waiting)
    assert world.follow(JUNE) == [JULY]


def test_a_failed_run_ends_the_chain_until_somebody_has_the_month_run(world: World) -> None:
    world.resubmit(MAY)
    request = world.asked_after(MAY)
    assert isinstance(request, dg.RunRequest)
    world.end(world.start(JUNE, **request.tags), successfully=False)

    told = "2025-06 has read what has changed; the run asked for it did not succeed"
    assert world.asked_after(MAY) == told
    world.run(JUNE)
    world.end(world.start(JUNE))
    assert world.follow(JUNE) == [JULY]


def test_a_month_that_no_run_makes_current_is_asked_for_once_and_passed_over(world: World) -> None:
    world.resubmit(MAY)

    assert world.follow(MAY, makes_current=False) == [JUNE, JULY]
    assert world.follow(MAY, makes_current=False) == []


def test_a_month_that_ran_while_an_earlier_one_changed_is_run_once_more(world: World) -> None:
    running = world.start(JUNE)
    world.resubmit(MAY)  # the run of June has read May before
    assert "under way" in str(world.asked_after(MAY))
    world.end(running)

    assert world.follow(JUNE) == [JUNE, JULY]


def test_the_sensor_follows_successes_and_no_failures(world: World) -> None:
    sensor = later_months_sensor(environment(settings_of(world.installation.landing.parent)))
    resources = {"installation": world.installation}
    world.write(FIGURES, MAY, "second")
    world.run(MAY)
    begins = sensor.evaluate_tick(dg.build_sensor_context(instance=world.instance, resources=resources))
    world.end(world.start(MAY), successfully=False)
    after_the_failure = sensor.evaluate_tick(
        dg.build_sensor_context(instance=world.instance, cursor=begins.cursor, resources=resources)
    )
    run = world.start(MAY)
    succeeded = dg.build_run_status_sensor_context(
        LATER_MONTHS, world.end(run), world.instance, run, resources=resources
    )
    request = sensor(succeeded)

    assert (sensor.name, sensor.default_status) == (LATER_MONTHS, dg.DefaultSensorStatus.STOPPED)
    assert not after_the_failure.run_requests
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == JUNE
