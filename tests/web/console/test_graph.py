"""The graph is what the definition says: every state, every way, and the happy path in reading order."""

import json

import pytest

from gatehouse.console import graph
from gatehouse.console.errors import DefinitionUnreadable
from tests.web.console.stories import DEFINITION


def test_every_state_of_the_workflow_is_there_in_its_order() -> None:
    found = graph.read(DEFINITION)
    assert [node.name for node in found.nodes] == list(json.loads(DEFINITION)["States"])
    assert found.start == "Claim admission"


def test_happy_path_ends_with_the_device_admitted_and_passes_by_the_people() -> None:
    happy = [node.name for node in graph.read(DEFINITION).nodes if node.happy]
    assert happy[0] == "Claim admission"
    assert happy[-1] == "Admitted"
    assert "Request approval" in happy
    assert not {"Hold", "Refuse certificate", "Roll back", "Superseded", "Failed"} & set(happy)


def test_catch_and_next_to_one_state_are_two_ways() -> None:
    ways = [edge for edge in graph.read(DEFINITION).edges if edge.source == "Request approval"]
    assert {(edge.target, edge.kind) for edge in ways} >= {("Read decision", "next"), ("Read decision", "catch")}


def test_rules_of_one_choice_to_one_state_are_one_way_with_both_conditions() -> None:
    states = {
        "A": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $x = 'one' %}", "Next": "B"}, {"Condition": "{% $x = 'two' %}", "Next": "B"}],
            "Default": "B",
        },
        "B": {"Type": "Succeed"},
    }
    (way,) = graph.read(json.dumps({"StartAt": "A", "States": states})).edges
    assert way.label == "one, two, otherwise"
    assert way.condition.splitlines() == ["{% $x = 'one' %}", "{% $x = 'two' %}", "otherwise"]


def test_path_that_turns_back_ends() -> None:
    states = {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}
    assert [node.happy for node in graph.read(json.dumps({"StartAt": "A", "States": states})).nodes] == [True, True]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"StartAt": "A", "States": {}}', '{"StartAt": "A", "States": {"A": []}}']
)
def test_what_is_no_definition_is_said_to_be_none(text: str) -> None:
    with pytest.raises(DefinitionUnreadable, match="Amazon States Language"):
        graph.read(text)
