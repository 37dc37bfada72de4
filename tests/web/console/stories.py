"""Histories made by hand, in the shape that GetExecutionHistory answers them on AWS, and a Step Functions that tells them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CERTIFICATE = "ab" * 32
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:Admission"
TOKEN = "AQC-this-is-a-task-token-that-nobody-may-see"
DEFINITION = Path(__file__).parents[3].joinpath("statemachine.asl.json").read_text(encoding="utf-8")


def arn(name: str) -> str:
    return f"{MACHINE.replace(':stateMachine:', ':execution:')}:{name}"


class Story:
    """A history under construction: every event comes `after` seconds later than the one before."""

    def __init__(self, name: str = "story", certificate_id: str = CERTIFICATE) -> None:
        self.name = name
        self.events: list[dict[str, Any]] = []
        self._at = START
        self.tell("ExecutionStarted", input=json.dumps({"certificateId": certificate_id}))

    def tell(self, type_: str, *, after: float = 0.1, **details: Any) -> "Story":
        self._at += timedelta(seconds=after if self.events else 0)
        key = f"{type_[0].lower()}{type_[1:]}EventDetails"
        for kind in ("StateEntered", "StateExited"):
            if type_.endswith(kind):
                key = f"{kind[0].lower()}{kind[1:]}EventDetails"
        event: dict[str, Any] = {"id": len(self.events) + 1, "type": type_, "timestamp": self._at}
        self.events.append(event | ({key: details} if details else {}))
        return self

    def enter(self, state: str, type_: str = "Task", value: Any = None, *, after: float = 0.0) -> "Story":
        return self.tell(f"{type_}StateEntered", after=after, name=state, input=json.dumps(value or {}))

    def leave(self, state: str, type_: str = "Task", value: Any = None) -> "Story":
        return self.tell(f"{type_}StateExited", after=0.0, name=state, output=json.dumps(value or {}))

    def attempt(self, **parameters: Any) -> "Story":
        self.tell(
            "TaskScheduled", after=0.0, resource="invoke", resourceType="lambda", parameters=json.dumps(parameters)
        )
        return self.tell("TaskStarted", after=0.0, resource="invoke", resourceType="lambda")

    def succeed(self, value: Any = None, *, after: float = 0.5) -> "Story":
        return self.tell("TaskSucceeded", after=after, resource="invoke", output=json.dumps({"Payload": value or {}}))

    def fail(self, error: str, message: str = "it broke", *, after: float = 0.5) -> "Story":
        cause = json.dumps({"errorType": error, "errorMessage": message})
        return self.tell("TaskFailed", after=after, resource="invoke", error=error, cause=cause)

    def do(self, state: str, value: Any = None) -> "Story":
        """A task that works at once."""
        return self.enter(state).attempt().succeed(value).leave(state, value=value)

    def choose(self, *states: str) -> "Story":
        for state in states:
            self.enter(state, "Choice").leave(state, "Choice")
        return self

    def to_device_lookup(self) -> "Story":
        self.do("Claim admission").choose("Is this admission ours?")
        self.enter("Wait for turn", "Wait").leave("Wait for turn", "Wait")
        self.do("Inspect certificate").choose("Is the certificate acceptable?")
        self.do("Check CRL", {"status": "good"}).choose("Is it revoked?")
        return self.do("Look up device").choose("Who decides?")


def waiting(name: str = "waiting") -> Story:
    """A person is waited for; AWS keeps the task token in the history."""
    story = Story(name).to_device_lookup().enter("Request approval")
    return story.attempt(Payload={"task_token": TOKEN, "device": {"device": "pump-0002"}})


def admitted(name: str = "admitted") -> Story:
    story = Story(name).to_device_lookup().do("Activate certificate")
    story.enter("Attach policy").attempt().fail("AwsUnavailable").attempt().succeed().leave("Attach policy")
    story.do("Seal evidence").do("Notify").enter("Admitted", "Succeed").leave("Admitted", "Succeed")
    return story.tell("ExecutionSucceeded", output="{}")


def rolled_back(name: str = "rolled-back") -> Story:
    """A refusal of AWS's, caught; then the Fail state."""
    story = Story(name).to_device_lookup().do("Activate certificate")
    story.enter("Attach policy").attempt().fail("PolicyRefused", "no such policy").leave("Attach policy")
    story.do("Roll back").do("Seal evidence of the end").do("Notify of the end").choose("How did it end?")
    return story.enter("Failed", "Fail").tell("ExecutionFailed", error="AdmissionFailed", cause="no such policy")


def stopped(name: str = "stopped") -> Story:
    """An outage that outlasted the retries: nobody caught it, so it can be redriven."""
    story = Story(name).do("Claim admission").choose("Is this admission ours?")
    story.enter("Wait for turn", "Wait").leave("Wait for turn", "Wait").enter("Inspect certificate")
    story.attempt().fail("AwsUnavailable").attempt().fail("AwsUnavailable")
    return story.tell("ExecutionFailed", after=0.0, error="AwsUnavailable", cause="throttled")


class StepFunctions:
    """As much of the client as the console calls. `asked` counts the calls."""

    def __init__(self, *stories: Story, definition: str = DEFINITION) -> None:
        self.stories = {arn(story.name): story for story in stories}
        self.definition = definition
        self.asked: list[str] = []
        self.redriven: list[str] = []
        self.meta = type("Meta", (), {"region_name": "eu-west-1"})

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        self.asked.append("describe_execution")
        story = self._story(executionArn)
        last = story.events[-1]
        status = {"ExecutionFailed": "FAILED", "ExecutionSucceeded": "SUCCEEDED"}.get(last["type"], "RUNNING")
        found: dict[str, Any] = {"name": story.name, "status": status, "startDate": START, "redriveCount": 0}
        found["redriveStatus"] = "REDRIVABLE" if status == "FAILED" else "NOT_REDRIVABLE"
        if status != "RUNNING":
            found["stopDate"] = last["timestamp"]
        found |= last.get("executionFailedEventDetails", {})
        return found

    def describe_state_machine(self, *, stateMachineArn: str) -> dict[str, Any]:  # noqa: N803
        assert stateMachineArn == MACHINE
        return {"definition": self.definition}

    def describe_state_machine_for_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803
        self._story(executionArn)
        return {"definition": self.definition}

    def redrive_execution(self, *, executionArn: str, clientToken: str) -> dict[str, Any]:  # noqa: N803, ARG002
        story = self._story(executionArn)
        if story.events[-1]["type"] != "ExecutionFailed":
            raise _error("ExecutionNotRedrivable", "Execution is RUNNING and cannot be redriven")
        story.tell("ExecutionRedriven", after=60.0, redriveCount=1).attempt()
        self.redriven.append(executionArn)
        return {"redriveDate": START + timedelta(minutes=2)}

    def get_paginator(self, operation: str) -> Any:
        self.asked.append(operation)
        return type("Paginator", (), {"paginate": getattr(self, f"_{operation}")})

    def _get_execution_history(self, *, executionArn: str) -> list[dict[str, Any]]:  # noqa: N803
        events = self._story(executionArn).events
        return [{"events": events[:20]}, {"events": events[20:]}]

    def _list_executions(self, *, stateMachineArn: str, statusFilter: str | None = None) -> list[dict[str, Any]]:  # noqa: N803
        assert stateMachineArn == MACHINE
        found = [self.describe_execution(executionArn=name) | {"executionArn": name} for name in self.stories]
        return [{"executions": [one for one in found if statusFilter in (None, one["status"])]}]

    def _story(self, name: str) -> Story:
        if name not in self.stories:
            raise _error("ExecutionDoesNotExist", f"Execution Does Not Exist: '{name}'")
        return self.stories[name]


def _error(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "StepFunctions")
