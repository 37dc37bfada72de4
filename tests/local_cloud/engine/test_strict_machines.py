"""What Step Functions refuses, limits or does not catch, neither does the local cloud."""

import itertools
import json
from typing import Any

import pytest

from gatehouse.local_cloud.cloud import LocalCloud
from tests.local_cloud.engine.refusals import code_of, refused
from tests.local_cloud.waiting import eventually

pytestmark = pytest.mark.local_cloud

_numbers = itertools.count()
KIB = 1024
TRUST = {
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}]
}


class Machines:
    """State machines of one test module, each made for one question."""

    def __init__(self, engine: LocalCloud) -> None:
        self.states = engine.client("stepfunctions")
        role = engine.client("iam").create_role(RoleName="strict-machines", AssumeRolePolicyDocument=json.dumps(TRUST))
        self.role: str = role["Role"]["Arn"]

    def definition(self, states: dict[str, Any]) -> dict[str, str]:
        text = json.dumps({"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states})
        return {"name": f"strict-{next(_numbers)}", "definition": text, "roleArn": self.role}

    def make(self, **states: Any) -> str:
        arn: str = self.states.create_state_machine(**self.definition(states))["stateMachineArn"]
        return arn

    def run(self, given: object, **states: Any) -> dict[str, Any]:
        arn = self.states.start_execution(stateMachineArn=self.make(**states), input=json.dumps(given))["executionArn"]

        def ended() -> dict[str, Any] | None:
            execution: dict[str, Any] = self.states.describe_execution(executionArn=arn)
            return None if execution["status"] == "RUNNING" else execution

        return eventually(ended, what=f"the end of {arn}")


@pytest.fixture(scope="module")
def machines(engine: LocalCloud) -> Machines:
    return Machines(engine)


@pytest.fixture(scope="module")
def waiting(machines: Machines) -> str:
    """A machine whose executions go on for longer than the tests do."""
    return machines.make(Wait={"Type": "Wait", "Seconds": 1_000_000, "End": True})


def passing(**fields: Any) -> dict[str, Any]:
    return {"Type": "Pass", "End": True, **fields}


@pytest.mark.parametrize("name", ["a:b", "a b", "a/b", "a*", "ä\u0085"])
def test_an_execution_s_name_has_allowed_characters_only(machines: Machines, waiting: str, name: str) -> None:
    assert code_of(machines.states.start_execution, stateMachineArn=waiting, name=name) == "InvalidName"


def test_an_execution_s_name_has_80_characters_at_most(machines: Machines, waiting: str) -> None:
    assert code_of(machines.states.start_execution, stateMachineArn=waiting, name="x" * 81) == "ValidationException"
    machines.states.start_execution(stateMachineArn=waiting, name="x" * 80)


def test_an_input_is_json_of_262144_bytes_at_most(machines: Machines, waiting: str) -> None:
    start = machines.states.start_execution
    assert code_of(start, stateMachineArn=waiting, input="{") == "InvalidExecutionInput"
    assert code_of(start, stateMachineArn=waiting, input=json.dumps("x" * 262_143)) == "ValidationException"
    two_bytes_each = json.dumps("ä" * 131_072, ensure_ascii=False)
    assert code_of(start, stateMachineArn=waiting, input=two_bytes_each) == "InvalidExecutionInput"
    start(stateMachineArn=waiting, input=json.dumps("x" * 262_142))


def test_the_same_name_is_one_execution_while_it_runs_with_the_same_input(machines: Machines, waiting: str) -> None:
    start = machines.states.start_execution
    first = start(stateMachineArn=waiting, name="once", input='{"a": 1}')
    again = start(stateMachineArn=waiting, name="once", input='{"a": 1}')
    assert (again["executionArn"], again["startDate"]) == (first["executionArn"], first["startDate"])
    assert code_of(start, stateMachineArn=waiting, name="once", input='{"a": 2}') == "ExecutionAlreadyExists"
    machines.states.stop_execution(executionArn=first["executionArn"])
    assert code_of(start, stateMachineArn=waiting, name="once", input='{"a": 1}') == "ExecutionAlreadyExists"


def test_what_runs_is_not_redriven_and_a_stopped_execution_is(machines: Machines, waiting: str) -> None:
    arn = machines.states.start_execution(stateMachineArn=waiting)["executionArn"]
    assert code_of(machines.states.redrive_execution, executionArn=arn) == "ExecutionNotRedrivable"
    machines.states.stop_execution(executionArn=arn)
    machines.states.redrive_execution(executionArn=arn)


@pytest.mark.parametrize(
    "expression", ["$eval('1')", "$states.input.a ?? 1", "$states.input.a ?: 1", "1 +", "[1, 2].$eval($)"]
)
def test_jsonata_that_step_functions_lacks_is_refused(machines: Machines, expression: str) -> None:
    asked = machines.definition({"A": passing(Output=f"{{% {expression} %}}")})
    code, message = refused(machines.states.create_state_machine, **asked)
    assert (code, "/States/A/Output" in message) == ("InvalidDefinition", True)


def test_what_looks_like_it_in_a_string_or_a_field_is_taken(machines: Machines) -> None:
    expression = "{% '$eval ?? ?:' & $states.input.eval & ($states.input.a ? '!' : '?') %}"
    ended = machines.run({"eval": "x", "a": True}, A=passing(Output=expression))
    assert json.loads(ended["output"]) == "$eval ?? ?:x!"


@pytest.mark.parametrize(
    "states",
    [
        {"A": {"Type": "Pass", "Next": "B"}},
        {"A": {"Type": "Nap", "End": True}},
        {"A": {"Type": "Choice", "Choices": [{"Condition": "{% true %}", "Next": "B"}], "Default": "A"}},
        {"A": {"Type": "Choice", "Choices": [{"Condition": "{% true %}", "Next": "A"}], "Default": "B"}},
        {"A": {"Type": "Parallel", "Branches": [{"StartAt": "C", "States": {"A": {"Type": "Succeed"}}}], "End": True}},
        {"A": passing(Assign={"states": 1})},
        {"A": passing(Assign={"x" * 81: 1})},
    ],
)
def test_a_definition_that_leads_nowhere_is_refused(machines: Machines, states: dict[str, Any]) -> None:
    assert code_of(machines.states.create_state_machine, **machines.definition(states)) == "InvalidDefinition"


def test_a_changed_definition_is_read_as_a_new_one(machines: Machines, waiting: str) -> None:
    asked = machines.definition({"A": passing(Output="{% 1 ?? 2 %}")})["definition"]
    code = code_of(machines.states.update_state_machine, stateMachineArn=waiting, definition=asked)
    assert code == "InvalidDefinition"


TWICE = "{% $states.input & $states.input %}"
LARGE = "x" * 200 * KIB


def test_an_output_above_256_kib_ends_the_execution(machines: Machines) -> None:
    assert machines.run(LARGE, A=passing(Output=TWICE))["error"] == "States.DataLimitExceeded"
    assert machines.run("x" * 100 * KIB, A=passing(Output=TWICE))["status"] == "SUCCEEDED"


def test_states_all_catches_neither_data_limits_nor_runtime_errors(machines: Machines) -> None:
    def caught(output: str, names: list[str]) -> dict[str, Any]:
        inner = {"StartAt": "Inner", "States": {"Inner": passing(Output=output)}}
        outer = {
            "Type": "Parallel",
            "Branches": [inner],
            "End": True,
            "Catch": [{"ErrorEquals": names, "Next": "Caught"}],
        }
        told = {"Type": "Succeed", "Output": "{% $states.errorOutput.Error %}"}
        return machines.run(LARGE, Outer=outer, Caught={"Type": "Pass", "Output": "caught", "End": True}, Told=told)

    for names in (["States.ALL"], ["States.TaskFailed"]):
        assert caught(TWICE, names)["error"] == "States.DataLimitExceeded", names
        assert json.loads(caught("{% $error('no') %}", names)["output"]) == "caught", names
    assert json.loads(caught(TWICE, ["States.DataLimitExceeded"])["output"]) == "caught"


def test_variables_have_256_kib_each_and_in_one_assign(machines: Machines) -> None:
    assert machines.run(LARGE, A=passing(Output=1, Assign={"a": TWICE}))["error"] == "States.DataLimitExceeded"
    both = {"a": "{% $states.input %}", "b": "{% $states.input %}"}
    assert machines.run(LARGE, A=passing(Output=1, Assign=both))["error"] == "States.DataLimitExceeded"
    assert machines.run(LARGE, A=passing(Output=1, Assign={"a": "{% $states.input %}"}))["status"] == "SUCCEEDED"


def test_variables_have_ten_mib_in_an_execution(machines: Machines) -> None:
    numbers = range(53)  # of 200 KiB each: the 52nd is too much
    states = {
        f"S{number}": {"Type": "Pass", "Assign": {f"v{number}": "{% $states.input %}"}, "Next": f"S{number + 1}"}
        for number in numbers
    }
    ended = machines.run(LARGE, **states, S53={"Type": "Succeed"})
    assert ended["error"] == "States.DataLimitExceeded"
