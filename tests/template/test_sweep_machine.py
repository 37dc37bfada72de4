"""The sweep's machine is held to the same rules as the admission's, its own states and those of its Map alike."""

import json
import re
from typing import Any

import pytest
from statelint.linter import Linter

from gatehouse.local_cloud import jsonata_version
from tests.deployed import ROOT

from .test_statemachine import (  # noqa: F401 - the rules, which run here on this module's `machine` and `states`
    States,
    expressions,
    tasks,
    test_error_names_are_the_names_of_our_classes,
    test_every_expression_parses,
    test_every_other_task_is_tried_again_after_a_timeout,
    test_every_state_says_why_it_is_there,
    test_every_target_exists_and_every_state_is_reachable,
    test_every_task_has_an_end_to_its_patience,
    test_every_task_retries_lambdas_transient_errors_with_full_jitter_and_a_cap,
    test_every_task_waits_for_a_lambda_for_hours_and_for_nothing_else_so_long,
    test_everything_is_never_retried_nor_caught,
    test_what_may_work_later_is_retried_or_left_to_be_redriven_but_never_caught,
)

FILE = ROOT / "sweep.asl.json"
MAP = "Revoke each"


@pytest.fixture
def whole() -> dict[str, Any]:
    machine: dict[str, Any] = json.loads(FILE.read_text())
    return machine


@pytest.fixture(params=["the machine", "its map"])
def machine(request: pytest.FixtureRequest, whole: dict[str, Any]) -> dict[str, Any]:
    if request.param == "the machine":
        return whole
    inner: dict[str, Any] = whole["States"][MAP]["ItemProcessor"]
    return inner


@pytest.fixture
def states(machine: dict[str, Any]) -> States:
    found: States = machine["States"]
    return found


def every_task(whole: dict[str, Any]) -> States:
    outer = whole["States"]
    return tasks(outer) | tasks(outer[MAP]["ItemProcessor"]["States"])


def test_statelint_finds_nothing() -> None:
    # statelint checks JSONPath's types where JSONata may stand, and knows no Label and no ItemReader with Arguments.
    problems = Linter.validate(FILE.read_text())
    assert [problem for problem in problems if not re.search(r"Timestamp|Label|ItemReader|ResultWriter", problem)] == []


def test_one_that_fails_keeps_nobody_waiting_and_is_not_called_swept(whole: dict[str, Any]) -> None:
    states = whole["States"]
    assert states[MAP]["ToleratedFailurePercentage"] == 100
    assert states["Is anybody left?"]["Choices"][0]["Next"] == "Some are left"
    assert states["Some are left"]["Type"] == "Fail"


def test_the_map_reads_and_writes_in_the_bucket_and_not_in_the_state(whole: dict[str, Any]) -> None:
    """A hundred thousand items and their results are more than the 256 KB that pass between states."""
    each = whole["States"][MAP]
    assert each["ItemReader"]["Resource"].endswith(":s3:getObject")
    assert each["ResultWriter"]["Resource"].endswith(":s3:putObject")
    assert each["Output"] == {}
    assert each["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}


def test_a_child_reads_nothing_of_its_parent(whole: dict[str, Any]) -> None:
    """Variables of the parent do not exist in a Distributed Map's children."""
    text = json.dumps(whole["States"][MAP]["ItemProcessor"])
    assert set(re.findall(r"\$([a-z]\w*)", text)) <= {"states", "exists"}


def test_a_lost_turn_takes_another_and_an_open_admission_is_left_marked(whole: dict[str, Any]) -> None:
    revoke = whole["States"][MAP]["ItemProcessor"]["States"]["Revoke certificate"]
    caught = {error: catch["Next"] for catch in revoke["Catch"] for error in catch["ErrorEquals"]}
    left = {"AdmissionStillOpen": "Left to the next sweep", "RevocationUnderWay": "Left to the next sweep"}
    assert caught == {"TurnLost": "Take turn"} | left
    assert left.keys() <= {error for retrier in revoke["Retry"] for error in retrier["ErrorEquals"]}


def test_every_task_waits_out_an_outage(whole: dict[str, Any]) -> None:
    for name, state in every_task(whole).items():
        retried = {error for retrier in state["Retry"] for error in retrier["ErrorEquals"]}
        assert "AwsUnavailable" in retried, name
        assert name != "Find revoked" or "CrlStoreUnavailable" in retried


@pytest.mark.parametrize(
    ("asked", "slot", "authority"),
    [({"issuer_key": "e", "slot": "s"}, "s", None), ({"issuer_key": "e", "authority": "ca"}, None, "ca")],
)
def test_a_sweep_is_of_a_list_or_of_a_ca(
    whole: dict[str, Any], asked: dict[str, str], slot: str | None, authority: str | None
) -> None:
    payload = whole["States"]["Find revoked"]["Arguments"]["Payload"]
    given = {
        name: jsonata_version.parse(next(iter(expressions(payload[name])))).evaluate(None, {"states": {"input": asked}})
        for name in ("issuer_key", "slot", "authority")
    }
    assert given == {"issuer_key": "e", "slot": slot, "authority": authority}


def test_a_sweep_goes_through_the_map_only_for_somebody_and_always_reports(whole: dict[str, Any]) -> None:
    states = whole["States"]
    anybody, left = states["Is anybody revoked?"], states["Is anybody left?"]
    assert (whole["StartAt"], states["Find revoked"]["Next"]) == ("Find revoked", "Is anybody revoked?")
    assert "$states.result.Payload" in states["Find revoked"]["Assign"]["found"]
    assert [goes_to(anybody, found={"revoked": number}) for number in (0, 1)] == ["Report sweep", MAP]
    assert (states[MAP]["Next"], states["Report sweep"]["Next"]) == ("Report sweep", "Is anybody left?")
    assert "$states.result.Payload" in states["Report sweep"]["Assign"]["report"]
    assert [goes_to(left, report={"left": number}) for number in (0, 1)] == ["Swept", "Some are left"]


def goes_to(choice: dict[str, Any], **variables: Any) -> str:
    """The state after a Choice that has these variables."""
    met = (
        rule
        for rule in choice["Choices"]
        for [condition] in [[*expressions(rule["Condition"])]]
        if jsonata_version.parse(condition).evaluate(None, variables)
    )
    return str(next(met, {"Next": choice["Default"]})["Next"])


def test_placeholders_substitutions_and_permissions_are_the_same(
    resources: dict[str, Any], whole: dict[str, Any]
) -> None:
    machine = resources["SweepStateMachine"]["Properties"]
    used = set(re.findall(r"\$\{(\w+)\}", FILE.read_text()))
    functions = {name: value for name, value in machine["DefinitionSubstitutions"].items() if name != "Partition"}
    assert used == set(machine["DefinitionSubstitutions"])
    assert functions == {name: {"Ref": f"{name}Function.Alias"} for name in functions}
    [policy] = machine["Policies"]
    [invoke] = [statement for statement in policy["Statement"] if statement.get("Sid") == "RunTheSteps"]
    called = {
        state["Arguments"]["FunctionName"].strip("${}") + "Function.Alias" for state in every_task(whole).values()
    }
    assert {target["Ref"] for target in invoke["Resource"]} == called


def test_a_step_is_found_under_the_name_the_console_shows(whole: dict[str, Any]) -> None:
    for name, state in every_task(whole).items():
        folder = re.sub(r"(?<!^)(?=[A-Z])", "_", state["Arguments"]["FunctionName"].strip("${}")).lower()
        assert name.lower().replace(" ", "_") == folder
        assert len([*ROOT.glob(f"functions/*/{folder}/app.py")]) == 1
