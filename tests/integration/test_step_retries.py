"""A step that meets a fault, run by Dagster: passing ones are tried again a few times and ever later, permanent ones never."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import pytest

from assets import faults
from assets.faults import faults_told
from kenpo_pipelines.lake import LakeError
from kenpo_pipelines.serving.faults import PassingFault, PermanentFault, patient

WAITS_S = (0.01, 0.02, 0.04)


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "WAITS_S", WAITS_S)


class Step:
    """An asset that raises these errors, one at each try, and succeeds when there are none left."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)
        self.tries = 0

    def work(self) -> None:
        self.tries += 1
        if self._errors:
            raise self._errors.pop(0)

    def asset(self) -> dg.AssetsDefinition:
        @dg.asset
        @faults_told
        def figures(context: dg.AssetExecutionContext) -> None:
            self.work()

        return figures

    def streaming_asset(self) -> dg.AssetsDefinition:
        @dg.multi_asset(name="figures", specs=[dg.AssetSpec("first"), dg.AssetSpec("second")])
        @faults_told
        def figures(context: dg.AssetExecutionContext) -> Iterator[Any]:
            yield dg.MaterializeResult(asset_key="first")
            self.work()
            yield dg.MaterializeResult(asset_key="second")

        return figures


KINDS: list[Callable[[Step], dg.AssetsDefinition]] = [Step.asset, Step.streaming_asset]


def run(asset: dg.AssetsDefinition) -> dg.ExecuteInProcessResult:
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize([asset], instance=instance, raise_on_error=False)


def told(result: dg.ExecuteInProcessResult) -> str:
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    failure = failed.step_failure_data.user_failure_data
    assert failure is not None
    return str(failure.description)


def waits(result: dg.ExecuteInProcessResult) -> list[float | None]:
    return [event.step_retry_data.seconds_to_wait for event in result.all_events if event.is_step_up_for_retry]


@pytest.mark.parametrize("kind", KINDS)
def test_a_passing_fault_is_tried_again_until_it_has_passed(kind: Callable[[Step], dg.AssetsDefinition]) -> None:
    step = Step(PassingFault("the database is away"), PassingFault("the database is away"))

    result = run(kind(step))

    assert result.success
    assert step.tries == 3
    assert waits(result) == list(WAITS_S[:2])


@pytest.mark.parametrize("kind", KINDS)
def test_tries_and_waits_are_bounded_and_the_end_is_told(kind: Callable[[Step], dg.AssetsDefinition]) -> None:
    step = Step(*(PassingFault("the database is away.") for _ in range(10)))

    began = time.monotonic()
    result = run(kind(step))

    assert not result.success
    assert step.tries == 1 + len(WAITS_S)
    assert waits(result) == list(WAITS_S)
    assert time.monotonic() - began < 30
    assert told(result).startswith("the database is away. 4 tries over")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("error", [PermanentFault("wrong password"), LakeError("no such month"), OSError(28, "full")])
def test_a_permanent_fault_is_not_tried_again(kind: Callable[[Step], dg.AssetsDefinition], error: Exception) -> None:
    step = Step(error)

    result = run(kind(step))

    assert not result.success
    assert step.tries == 1
    assert told(result).startswith(str(error))


def test_a_fault_of_the_program_is_not_tried_again_and_keeps_its_traceback() -> None:
    step = Step(KeyError("branch"))

    result = run(step.asset())

    assert step.tries == 1
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    assert failed.step_failure_data.user_failure_data is None
    assert "KeyError" in str(failed.step_failure_data.error)


def test_the_waits_of_the_real_thing_are_bounded_by_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert list(faults.WAITS_S) == sorted(faults.WAITS_S)
    assert sum(faults.WAITS_S) <= 120


def test_a_patient_call_outlasts_a_blip_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kenpo_pipelines.serving.faults.BLIP_S", 0.5)
    blip, outage = Step(PassingFault("away")), Step(*(PassingFault(f"away {number}") for number in range(100)))
    wrong = Step(PermanentFault("wrong password"))

    patient(blip.work)()
    began = time.monotonic()
    with pytest.raises(PassingFault, match=r"away [1-9]"):
        patient(outage.work)()
    assert time.monotonic() - began < 5
    with pytest.raises(PermanentFault):
        patient(wrong.work)()

    assert (blip.tries, wrong.tries) == (2, 1)
    assert 1 < outage.tries < 10
