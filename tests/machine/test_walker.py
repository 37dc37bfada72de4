"""The walker is held to moto's interpreter: the same states in the same order, the same end, the same output."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests import aws_environment, pki
from tests.machine import fault_cases, harness
from tests.machine.conftest import Fleet
from tests.machine.walker import Stopped, WaitsForEver, Walk
from tests.machine.ways import WAYS, Gate, Way

ALONE = {way.name: way for way in WAYS if way.decide is None}


@pytest.mark.parametrize("name", sorted(ALONE))
def test_it_goes_the_way_that_motos_step_functions_goes(name: str) -> None:
    way = ALONE[name]
    with fault_cases.meddling(fault_cases.definition()) as meddler:
        assert fault_cases.travel(meddler, way, None) == []
        [walked] = meddler.devices[0].walks
    with pytest.MonkeyPatch.context() as patch, moto(patch) as fleet:
        run = _goes(fleet, way)
    assert (walked.states, walked.status, walked.error) == (run.states, run.status, run.error)
    ours = walked.output or {}
    assert [ours.get(key) for key in ("outcome", "reason")] == [run.output.get(key) for key in ("outcome", "reason")]


@contextmanager
def moto(patch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    aws_environment.set_clock(patch, pki.NOW)
    with aws_environment.running(patch, harness.MOTO) as names, harness.deployed(patch) as machine:
        yield Fleet(machine, names, patch)


def _goes(fleet: Fleet, way: Way) -> harness.Run:
    """The same device before moto's machine: a gate's preparations need only its fleet."""
    gate = Gate({}, fleet)
    device = gate.arrives(way)
    return fleet.machine.run(device.event)


def walk(state: dict[str, Any], *answers: Any) -> Walk:
    """One Task, whose function answers or raises these, one after the other."""
    left = list(answers)

    def invoke(_walk: Walk, _step: str, _payload: dict[str, Any]) -> Any:
        answer = left.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    task = {"Type": "Task", "Resource": "lambda:invoke", "Arguments": {"FunctionName": "f", "Payload": {}}}
    states = {"Do": {**task, "Next": "Done", **state}, "Done": {"Type": "Succeed"}, "Caught": {"Type": "Succeed"}}
    definition = {"StartAt": "Do", "States": states}
    return Walk(definition, invoke, {}, f"{aws_environment.EXECUTIONS}:x", pki.NOW.isoformat()).go()


def test_a_redrive_begins_at_the_state_that_failed_with_new_retries() -> None:
    retry = [{"ErrorEquals": ["ValueError"], "MaxAttempts": 1}]
    failed = walk({"Retry": retry}, ValueError("a"), ValueError("b"), ValueError("c"), 1)
    assert (failed.status, failed.error) == ("FAILED", "ValueError")
    assert failed.redrive().status == "SUCCEEDED"
    assert failed.states == ["Do", "Do", "Done"]


def test_a_hang_without_a_timeout_is_found_out() -> None:
    with pytest.raises(WaitsForEver):
        walk({}, Stopped("States.Timeout"))
    assert walk({"TimeoutSeconds": 5}, Stopped("States.Timeout")).error == "States.Timeout"


def test_the_first_catcher_that_names_the_error_counts() -> None:
    catch = [{"ErrorEquals": ["KeyError"], "Next": "Done"}, {"ErrorEquals": ["ValueError"], "Next": "Caught"}]
    assert walk({"Catch": catch}, ValueError("x")).states == ["Do", "Caught"]


def test_what_is_undefined_fails_and_null_does_not() -> None:
    assert walk({"Output": "{% $nothing %}"}, 1).error == "States.QueryEvaluationError"
    assert walk({"Output": "{% $states.result.Payload %}"}, None).output is None
