"""Step Functions in the local cloud does what the admission workflow relies on."""

import itertools
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from gatehouse.local_cloud.cloud import LocalCloud
from tests.local_cloud.waiting import eventually

pytestmark = pytest.mark.local_cloud

_names = (f"case-{number}" for number in itertools.count())


class Runs:
    """Executions of the sample machine."""

    def __init__(self, engine: LocalCloud, outputs: dict[str, str]) -> None:
        self.states = engine.client("stepfunctions")
        self.table = engine.client("dynamodb")
        self.outputs = outputs

    def start(self, **given: object) -> str:
        arn: str = self.states.start_execution(
            stateMachineArn=self.outputs["MachineArn"], name=next(_names), input=json.dumps(given)
        )["executionArn"]
        return arn

    def end(self, arn: str) -> dict[str, Any]:
        return eventually(lambda: self._ended(arn), what=f"the end of {arn}")

    def run(self, **given: object) -> dict[str, Any]:
        return self.end(self.start(**given))

    def item(self, key: str) -> dict[str, str]:
        """An item of the sample table, once it is there."""
        found = eventually(lambda: self.peek(key), what=f"item {key}")
        return {name: value["S"] for name, value in found.items()}

    def peek(self, key: str) -> dict[str, dict[str, str]] | None:
        answer = self.table.get_item(TableName=self.outputs["TableName"], Key={"id": {"S": key}}, ConsistentRead=True)
        item: dict[str, dict[str, str]] | None = answer.get("Item")
        return item

    def history(self, arn: str) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = self.states.get_execution_history(executionArn=arn, maxResults=1000)["events"]
        return events

    def _ended(self, arn: str) -> dict[str, Any] | None:
        execution: dict[str, Any] = self.states.describe_execution(executionArn=arn)
        return None if execution["status"] == "RUNNING" else execution


@pytest.fixture
def runs(engine: LocalCloud, sample_stack: dict[str, str]) -> Runs:
    return Runs(engine, sample_stack)


def output(execution: dict[str, Any]) -> Any:
    assert execution["status"] == "SUCCEEDED", execution
    return json.loads(execution["output"])


def test_a_default_choice_and_a_succeed_state_shape_their_output(runs: Runs) -> None:
    ended = output(runs.run())
    assert ended["asked"] is False
    assert ended["got"] == {"chosen": "default"}


def test_retry_matches_an_exception_by_its_class_name_and_the_worker_stays_warm(runs: Runs) -> None:
    ended = output(runs.run(fail="NotYet"))
    assert ended["work"]["calls"] >= 2  # 1 would mean that the error threw the worker away


def test_catch_matches_an_exception_by_its_class_name(runs: Runs) -> None:
    assert output(runs.run(fail="Hopeless")) == {"outcome": "refused", "got": {"error": "Hopeless"}}


def test_a_failed_function_says_what_aws_lambda_says(engine: LocalCloud, sample_stack: dict[str, str]) -> None:
    answer = engine.client("lambda").invoke(
        FunctionName=sample_stack["WorkFunctionName"], Payload=json.dumps({"fail": "Hopeless"})
    )
    payload = json.loads(answer["Payload"].read())
    assert (payload["errorType"], payload["errorMessage"]) == ("Hopeless", "it cannot be done")
    assert "raise Hopeless" in "".join(payload["stackTrace"])


def test_a_role_may_do_nothing_that_its_policy_does_not_name(runs: Runs) -> None:
    ended = runs.run(fail="forbidden")
    assert ended["status"] == "FAILED"
    assert "AccessDenied" in ended["cause"]


def test_a_task_token_is_answered_once(runs: Runs) -> None:
    arn = runs.start(ask=True, certificateId="token-once")
    token = runs.item("token-once")["token"]
    runs.states.send_task_success(taskToken=token, output='{"decision": "approved"}')
    with pytest.raises(ClientError, match="TaskTimedOut"):
        runs.states.send_task_success(taskToken=token, output='{"decision": "rejected"}')
    assert output(runs.end(arn))["got"] == {"decision": "approved"}
    with pytest.raises(ClientError, match="TaskTimedOut"):
        runs.states.send_task_failure(taskToken=token, error="Late")


def test_a_token_nobody_issued_is_invalid(runs: Runs) -> None:
    with pytest.raises(ClientError, match="InvalidToken"):
        runs.states.send_task_success(taskToken="nobody-issued-this", output="{}")


def test_an_answer_that_is_no_json_leaves_the_task_waiting(runs: Runs) -> None:
    arn = runs.start(ask=True, certificateId="token-json")
    token = runs.item("token-json")["token"]
    with pytest.raises(ClientError, match="InvalidOutput"):
        runs.states.send_task_success(taskToken=token, output="yes!")
    runs.states.send_task_success(taskToken=token, output="{}")
    output(runs.end(arn))


def test_a_callback_times_out_after_an_expression_says_and_its_token_is_closed(runs: Runs) -> None:
    ended = runs.run(ask=True, certificateId="token-late", patience=1)
    assert output(ended) == {"outcome": "refused", "got": {"error": "States.Timeout"}}
    with pytest.raises(ClientError, match="TaskTimedOut"):
        runs.states.send_task_success(taskToken=runs.item("token-late")["token"], output="{}")


def test_a_function_that_cannot_pass_the_token_on_fails_its_task(runs: Runs) -> None:
    ended = runs.run(ask=True, fail_ask=True, certificateId="token-lost", patience=10)
    assert (ended["status"], ended["error"]) == ("FAILED", "Hopeless")


def test_an_aborted_execution_stays_aborted_and_its_token_is_closed(runs: Runs) -> None:
    arn = runs.start(ask=True, certificateId="aborted", patience=1)
    token = runs.item("aborted")["token"]
    runs.states.stop_execution(executionArn=arn, error="Operator", cause="stopped by hand")
    with pytest.raises(ClientError, match="TaskTimedOut"):
        runs.states.send_task_success(taskToken=token, output="{}")
    detail = json.loads(runs.item(arn.rsplit(":", 1)[1])["detail"])
    assert (detail["status"], detail["redriveStatus"]) == ("ABORTED", "REDRIVABLE")
    assert runs.end(arn)["status"] == "ABORTED"
    assert runs.history(arn)[-1]["type"] == "ExecutionAborted"


def test_a_failure_is_told_to_eventbridge_with_input_error_and_cause(runs: Runs) -> None:
    arn = runs.start(fail="forbidden", certificateId="told")
    runs.end(arn)
    detail = json.loads(runs.item(arn.rsplit(":", 1)[1])["detail"])
    assert detail["status"] == "FAILED"
    assert detail["error"] == "AccessDenied"
    assert "AccessDenied" in detail["cause"]
    assert json.loads(detail["input"])["certificateId"] == "told"


def test_a_redriven_execution_goes_on_where_it_failed(runs: Runs) -> None:
    arn = runs.start(ask=True, certificateId="redriven")
    first = runs.item("redriven")["token"]
    runs.states.send_task_failure(taskToken=first, error="Outage", cause="the power went")
    failed = runs.end(arn)
    assert (failed["status"], failed["redriveStatus"]) == ("FAILED", "REDRIVABLE")
    entered = [event["type"] for event in runs.history(arn)].count("TaskStateEntered")

    runs.states.redrive_execution(executionArn=arn)
    second = eventually(lambda: token if (token := runs.item("redriven")["token"]) != first else None)
    runs.states.send_task_success(taskToken=second, output='"now"')
    ended = runs.end(arn)
    assert output(ended)["got"] == "now"
    assert output(ended)["asked"] is True  # the variables came along
    assert ended["redriveCount"] == 1
    assert [event["type"] for event in runs.history(arn)].count("TaskStateEntered") == entered + 1
    with pytest.raises(ClientError, match="ExecutionNotRedrivable"):
        runs.states.redrive_execution(executionArn=arn)


def test_a_machine_that_takes_too_long_is_timed_out(runs: Runs, engine: LocalCloud) -> None:
    definition = {
        "StartAt": "Wait",
        "TimeoutSeconds": 1,
        "States": {"Wait": {"Type": "Wait", "Seconds": 200, "End": True}},
    }
    role = engine.client("iam").list_roles()["Roles"][0]["Arn"]
    machine = runs.states.create_state_machine(name="slow", definition=json.dumps(definition), roleArn=role)
    arn = runs.states.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]
    ended = runs.end(arn)
    assert (ended["status"], ended["redriveStatus"]) == ("TIMED_OUT", "REDRIVABLE")


def test_the_alias_names_the_newest_version(runs: Runs) -> None:
    machine = runs.outputs["MachineArn"]
    versions = runs.states.list_state_machine_versions(stateMachineArn=machine)["stateMachineVersions"]
    alias = runs.states.describe_state_machine_alias(stateMachineAliasArn=f"{machine}:live")
    assert alias["routingConfiguration"] == [
        {"stateMachineVersionArn": versions[0]["stateMachineVersionArn"], "weight": 100}
    ]


def run_definition(runs: Runs, engine: LocalCloud, name: str, definition: dict[str, Any]) -> Any:
    """The output of a machine that calls nothing."""
    role = engine.client("iam").list_roles()["Roles"][0]["Arn"]
    machine = runs.states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=role)
    return output(runs.end(runs.states.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]))


def test_assign_reads_the_variables_as_they_were_when_the_state_began(runs: Runs, engine: LocalCloud) -> None:
    definition = {
        "QueryLanguage": "JSONata",
        "StartAt": "First",
        "States": {
            "First": {"Type": "Pass", "Assign": {"a": "old"}, "Next": "Second"},
            "Second": {"Type": "Pass", "Assign": {"a": "new", "b": "{% $a %}"}, "Next": "Done"},
            "Done": {"Type": "Succeed", "Output": "{% $a & ' ' & $b %}"},
        },
    }
    assert run_definition(runs, engine, "assign", definition) == "new old"


def test_a_succeed_state_inside_a_branch_shapes_its_output(runs: Runs, engine: LocalCloud) -> None:
    branch = {"StartAt": "Inner", "States": {"Inner": {"Type": "Succeed", "Output": "{% 'shaped' %}"}}}
    definition = {
        "QueryLanguage": "JSONata",
        "StartAt": "Both",
        "States": {"Both": {"Type": "Parallel", "Branches": [branch], "End": True}},
    }
    assert run_definition(runs, engine, "branch", definition) == ["shaped"]


def test_the_delay_between_retries_keeps_to_its_cap_and_is_spread_out() -> None:
    from gatehouse.local_cloud.additions.machine_states import _retry_delay

    capped = {"IntervalSeconds": 2, "BackoffRate": 3.0, "MaxDelaySeconds": 100}
    assert [_retry_delay(capped, count) for count in range(5)] == [2, 6, 18, 54, 100]
    spread = {_retry_delay({**capped, "JitterStrategy": "FULL"}, 4) for _ in range(20)}
    assert len(spread) > 10
    assert all(0 <= delay <= 100 for delay in spread)
