"""What is shown of a state's input and output, and what is not: nobody sees a task token."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatehouse.console import history, payloads
from gatehouse.console.payloads import WITHHELD
from tests.web.console.stories import TOKEN, Story, admitted, rolled_back, waiting

NAMES = st.sampled_from(["task_token", "TaskToken", "taskToken", "token", "Token", "task-token"])
JSON = st.none() | st.booleans() | st.integers() | st.text(max_size=9)
KEYS = st.text(max_size=9)


def test_token_in_the_arguments_is_withheld_and_the_rest_is_shown() -> None:
    events = waiting().events
    shown = payloads.of_visit(events, history.read(events).visits[-1])
    assert shown.arguments["Payload"] == {"task_token": WITHHELD, "device": {"device": "pump-0002"}}


def test_token_is_withheld_from_an_event() -> None:
    events = waiting().events
    scheduled = next(event["id"] for event in reversed(events) if event["type"] == "TaskScheduled")
    assert TOKEN not in json.dumps(payloads.of_event(events, scheduled))


def test_token_that_wandered_into_a_message_is_withheld_there_too() -> None:
    story = waiting().fail("BadInput", f"cannot use {TOKEN}!")
    visit = history.read(story.events).visits[-1]
    shown = payloads.of_visit(story.events, visit)
    assert TOKEN not in msgspec.json.encode(shown).decode()
    assert shown.cause["errorMessage"] == f"cannot use {WITHHELD}!"


@given(name=NAMES, token=st.text(min_size=16, max_size=40), around=st.dictionaries(KEYS, JSON, max_size=4))
def test_no_token_comes_through_however_deep_it_lies(name: str, token: str, around: dict[str, Any]) -> None:
    cleaned = payloads.without_tokens({"a": [{"b": {**around, name: token}}]})
    assert cleaned["a"][0]["b"][name] == WITHHELD


def test_input_result_output_and_error_of_a_visit() -> None:
    story = Story().enter("Check CRL", value={"from": "before"}).attempt(FunctionName="check")
    story.succeed({"status": "good"}).leave("Check CRL", value={"status": "good"})
    shown = payloads.of_visit(story.events, history.read(story.events).visits[0])
    assert shown.input == {"from": "before"}
    assert shown.arguments == {"FunctionName": "check"}
    assert shown.result == {"Payload": {"status": "good"}}
    assert shown.output == {"status": "good"}
    assert shown.error is None


def test_assigned_variables_are_shown() -> None:
    story = (
        Story()
        .enter("Check CRL")
        .tell("TaskStateExited", name="Check CRL", output="{}", assignedVariables={"revocation": '{"status":"good"}'})
    )
    shown = payloads.of_visit(story.events, history.read(story.events).visits[0])
    assert shown.variables == {"revocation": {"status": "good"}}


def test_what_aws_cut_is_marked() -> None:
    story = Story().tell("TaskStateEntered", name="Notify", input="{", inputDetails={"truncated": True})
    shown = payloads.of_visit(story.events, history.read(story.events).visits[0])
    assert (shown.input, shown.cut) == ("{", True)


def test_cause_that_is_json_is_read() -> None:
    events = rolled_back().events
    visit = next(visit for visit in history.read(events).visits if visit.status == "caught")
    assert payloads.of_visit(events, visit).cause == {"errorType": "PolicyRefused", "errorMessage": "no such policy"}


@pytest.mark.parametrize("number", [0, 999])
def test_event_that_is_not_there_is_none(number: int) -> None:
    assert payloads.of_event(admitted().events, number) is None
