"""Where an execution stands, told from a real history: the engine runs the two states as the machine has them."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from functions.approval.resume_execution.executions import resume, whereabouts
from tests import aws_environment

MACHINE = {
    "StartAt": "Before",
    "States": {
        "Before": {"Type": "Pass", "Next": "Request approval"},
        "Request approval": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Parameters": {"QueueUrl": "{queue}", "MessageBody.$": "$$.Task.Token"},
            "TimeoutSeconds": "{timeout}",
            "Next": "Read decision",
        },
        "Read decision": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage",
            "Parameters": {"QueueUrl": "{queue}", "MessageBody": "read"},
            "Next": "After",
        },
        "After": {"Type": "Pass", "End": True},
    },
}


class Engine:
    """One execution of the two states, and the queue that is handed its token."""

    def __init__(self) -> None:
        self.client: Any = boto3.client("stepfunctions", region_name=aws_environment.REGION)
        self._sqs = boto3.client("sqs", region_name=aws_environment.REGION)
        self._queue = self._sqs.create_queue(QueueName="callbacks")["QueueUrl"]
        self._role = f"arn:aws:iam::{aws_environment.ACCOUNT}:role/machine"
        self.arn = self.starts(timeout=60)

    def starts(self, timeout: int) -> str:
        """An execution that waits so many seconds for its callback."""
        definition = json.dumps(MACHINE).replace("{queue}", self._queue).replace('"{timeout}"', str(timeout))
        machine = self.client.create_state_machine(name=f"wait-{timeout}", definition=definition, roleArn=self._role)
        return str(self.client.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"])

    def token(self) -> str:
        found: list[Any] = eventually(lambda: self._sqs.receive_message(QueueUrl=self._queue).get("Messages"))
        return str(found[0]["Body"])

    def status(self, arn: str) -> str:
        return str(self.client.describe_execution(executionArn=arn)["status"])


def eventually(look: Callable[[], Any], within: float = 10) -> Any:
    """What `look` finds, as soon as it finds something."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        if found := look():
            return found
    raise AssertionError("it did not happen in time")


@pytest.fixture
def engine(environment: dict[str, str]) -> Iterator[Engine]:
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        yield Engine()


def test_a_wait_that_is_ended_and_cannot_be_ended_again(engine: Engine) -> None:
    token = engine.token()
    assert whereabouts(engine.arn) == "waiting"
    assert resume(token, "approval-1")
    assert eventually(lambda: engine.status(engine.arn) == "SUCCEEDED")
    assert not resume(token, "approval-1")
    assert whereabouts(engine.arn) == "past"
    history = engine.client.get_execution_history(executionArn=engine.arn)["events"]
    outputs = [event["stateExitedEventDetails"]["output"] for event in history if event["type"] == "TaskStateExited"]
    assert json.loads(outputs[0]) == {"approval_id": "approval-1"}


def test_a_token_that_nobody_gave_out(engine: Engine) -> None:
    engine.token()
    assert not resume("guessed", "approval-1")


def test_an_execution_that_ended_while_it_waited(engine: Engine) -> None:
    arn = engine.starts(timeout=1)
    assert eventually(lambda: engine.status(arn) != "RUNNING")
    assert whereabouts(arn) == "gone"


def test_an_execution_that_does_not_exist(engine: Engine) -> None:
    assert whereabouts(f"{engine.arn}-no") == "gone"
