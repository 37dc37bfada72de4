"""What no deployment checks for us: cfn-lint and ``sam validate`` do not look into a state machine."""

import importlib
import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from statelint.linter import Linter

from gatehouse.local_cloud import jsonata_version
from tests.deployed import ROOT
from workflows.admission.contracts import Dossier
from workflows.approval.request import READ_STATE, REQUEST_STATE
from workflows.errors import GatehouseError, MayWorkLater

States = dict[str, dict[str, Any]]

# https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html and Lambda's own runtime errors.
TRANSIENT = {
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.Unknown",
    "Sandbox.Timedout",
    "Runtime.ExitError",
}
THROTTLED = "Lambda.TooManyRequestsException"
HAPPY_PATH = [
    "Claim admission",
    "Is this admission ours?",
    "Wait for turn",
    "Inspect certificate",
    "Is the certificate acceptable?",
    "Check CRL",
    "Is it revoked?",
    "Look up device",
    "Who decides?",
    "Activate certificate",
    "Attach policy",
    "Seal evidence",
    "Notify",
    "Admitted",
]


def up_to(state: str) -> list[str]:
    """The happy path as far as this state, which is the last."""
    return HAPPY_PATH[: HAPPY_PATH.index(state) + 1]


def from_on(state: str) -> list[str]:
    """The happy path from this state, which is the first."""
    return HAPPY_PATH[HAPPY_PATH.index(state) :]


GATES = ("Is it revoked?", "Who decides?", "Is this admission ours?", "Is the certificate acceptable?")


def tasks(states: States) -> States:
    return {name: state for name, state in states.items() if state["Type"] == "Task"}


def follows(state: dict[str, Any]) -> Iterator[str]:
    """Every state that may come after this one."""
    for holder in (state, *state.get("Choices", []), *state.get("Catch", [])):
        if "Next" in holder:
            yield holder["Next"]
    if "Default" in state:
        yield state["Default"]


def expressions(value: object) -> Iterator[str]:
    """Every JSONata expression in a state."""
    if isinstance(value, str) and value.startswith("{%"):
        yield value.removeprefix("{%").removesuffix("%}").strip()
    elif isinstance(value, dict):
        for part in value.values():
            yield from expressions(part)
    elif isinstance(value, list):
        for part in value:
            yield from expressions(part)


def error_classes() -> dict[str, type[GatehouseError]]:
    """The errors that ``workflows/errors.py`` and ``workflows/*/errors.py`` define, by class name."""
    found: dict[str, type[GatehouseError]] = {}
    for path in sorted((ROOT / "workflows/errors.py", *ROOT.glob("workflows/*/errors.py"))):
        module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        found |= {
            name: kind
            for name, kind in vars(module).items()
            if isinstance(kind, type) and issubclass(kind, GatehouseError) and kind.__module__ == module.__name__
        }
    return found


def test_statelint_finds_nothing() -> None:
    # statelint checks JSONPath's types where JSONata may stand: these take an expression (Amazon States Language, "Wait" and "Task").
    known = {
        "States.Wait for turn.Timestamp",
        "States.Wait for turn again.Timestamp",
        "States.Request approval.TimeoutSeconds",
    }
    problems = Linter.validate((ROOT / "statemachine.asl.json").read_text())
    assert [problem for problem in problems if not any(place in problem for place in known)] == []


def test_every_target_exists_and_every_state_is_reachable(machine: dict[str, Any], states: States) -> None:
    seen, waiting = set(), [machine["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(follows(states[name]))
    assert seen == set(states)


def test_every_state_says_why_it_is_there(states: States) -> None:
    assert [name for name, state in states.items() if len(state.get("Comment", "")) < 20] == []


def test_every_task_has_an_end_to_its_patience(states: States) -> None:
    assert [name for name, state in tasks(states).items() if not state.get("TimeoutSeconds")] == []


def test_every_task_retries_lambdas_transient_errors_with_full_jitter_and_a_cap(states: States) -> None:
    for name, state in tasks(states).items():
        assert set(state["Retry"][1]["ErrorEquals"]) >= TRANSIENT, name
        for retrier in state["Retry"]:
            assert retrier["JitterStrategy"] == "FULL", name
            assert retrier["MaxDelaySeconds"] <= 60, name
            assert retrier["MaxAttempts"] >= 3, name


def test_every_task_waits_for_a_lambda_for_hours_and_for_nothing_else_so_long(states: States) -> None:
    """What is throttled has not run: it costs a transition and leaves nothing behind. With full jitter, half of each delay on average."""
    for name, state in tasks(states).items():
        throttled, *others = state["Retry"]
        assert throttled["ErrorEquals"] == [THROTTLED], name
        delays = [
            min(throttled["IntervalSeconds"] * throttled["BackoffRate"] ** tried, throttled["MaxDelaySeconds"])
            for tried in range(throttled["MaxAttempts"])
        ]
        assert sum(delays) / 2 > 5 * 3600, name
        assert delays[0] == 1, name
        assert not [one for one in others if one["MaxAttempts"] > 8 or THROTTLED in one["ErrorEquals"]], name


def test_everything_is_never_retried_nor_caught(states: States) -> None:
    for name, state in tasks(states).items():
        for handler in [*state["Retry"], *state.get("Catch", [])]:
            assert not {"States.ALL", "States.TaskFailed"} & set(handler["ErrorEquals"]), name


def test_a_person_who_takes_too_long_is_not_asked_again_by_a_retry(states: States) -> None:
    retried = {error for retrier in states["Request approval"]["Retry"] for error in retrier["ErrorEquals"]}
    assert "States.Timeout" not in retried


def test_every_other_task_is_tried_again_after_a_timeout(states: States) -> None:
    for name, state in tasks(states).items():
        retried = {error for retrier in state["Retry"] for error in retrier["ErrorEquals"]}
        assert name == "Request approval" or "States.Timeout" in retried, name


def test_error_names_are_the_names_of_our_classes(states: States) -> None:
    known = error_classes()
    for name, state in tasks(states).items():
        for handler in [*state["Retry"], *state.get("Catch", [])]:
            for error in set(handler["ErrorEquals"]) - (TRANSIENT | {THROTTLED}) - {"States.Timeout"}:
                assert error in known, f"{name}: nothing raises {error}"


def test_what_may_work_later_is_retried_or_left_to_be_redriven_but_never_caught(states: States) -> None:
    """A Catch that leads to an end would make redrive useless. Going back to waiting for people is no end."""
    known = error_classes()
    for name, state in tasks(states).items():
        for catcher in state.get("Catch", []):
            for error in catcher["ErrorEquals"]:
                later = error in known and issubclass(known[error], MayWorkLater)
                assert not later or catcher["Next"] == "Request approval", f"{name} catches {error}"


def test_what_will_never_work_is_caught_where_it_can_happen(states: States) -> None:
    known = error_classes()
    caught = {
        error for state in tasks(states).values() for catch in state.get("Catch", []) for error in catch["ErrorEquals"]
    }
    permanent = {
        name
        for name, kind in known.items()
        if kind.__module__ == "workflows.admission.errors" and not issubclass(kind, MayWorkLater)
    }
    assert permanent - caught == set()


def test_a_step_that_changes_something_stops_when_it_no_longer_owns_the_admission(states: States) -> None:
    changing = {
        "Inspect certificate", "Request approval", "Activate certificate", "Attach policy", "Refuse certificate", "Roll back",
        "Seal evidence", "Seal evidence of the end",
    }  # fmt: skip
    for name in changing:
        catchers = {error: catch["Next"] for catch in states[name]["Catch"] for error in catch["ErrorEquals"]}
        assert catchers["AdmissionNotOwned"] == "Superseded", name


def test_what_is_not_understood_is_never_let_in(states: States) -> None:
    """A Choice's Default takes every answer that nobody thought of: it may only hold, fail, or leave the device alone."""
    safe = {"Hold", "Failed", "Already in progress"}
    assert {
        name: state["Default"]
        for name, state in states.items()
        if state["Type"] == "Choice" and state["Default"] not in safe
    } == {}


@pytest.mark.parametrize("gate", GATES)
def test_no_way_to_activation_leads_around_a_gate(machine: dict[str, Any], states: States, gate: str) -> None:
    seen, waiting = {gate}, [machine["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(follows(states[name]))
    assert "Activate certificate" not in seen


def test_an_approval_is_checked_again_before_it_is_carried_out(states: States) -> None:
    before = {name for name, state in states.items() if "Activate certificate" in follows(state)}
    assert before == {"Who decides?", "Is it still what was approved?"}
    after = [next(iter(follows(states[name]))) for name in ("What was decided?", "Take turn", "Wait for turn again")]
    assert after == ["Take turn", "Wait for turn again", "Check CRL again"]


def test_every_end_of_an_owned_admission_is_sealed_and_told(states: States) -> None:
    """Backwards from the ends: only Notify leads to them, and only a seal leads to Notify."""
    for end in ("Admitted", "Refused", "Held", "Failed"):
        [before] = [name for name, state in states.items() if end in follows(state)]
        notify = before if before == "Notify" else next(n for n, s in states.items() if before in follows(s))
        [seal] = [name for name, state in states.items() if notify in follows(state)]
        assert notify.startswith("Notify")
        assert seal.startswith("Seal evidence")


def test_the_happy_path_is_one_way_and_a_duplicate_leaves_it_after_three_states(states: States) -> None:
    assert states[HAPPY_PATH[0]]["Type"] == "Task"
    for name, after in pairwise(HAPPY_PATH):
        assert after in follows(states[name]), f"{name} does not lead to {after}"
    assert states["Is this admission ours?"]["Default"] == "Already in progress"


def test_every_step_is_told_which_certificate_and_which_execution(states: States) -> None:
    """The keys of its log lines (`functions/shared/observability.py`). *Claim admission* reads the certificate from the event."""
    for name, task in tasks(states).items():
        payload = json.dumps(task["Arguments"]["Payload"])
        assert '"execution": ' in payload, name
        assert name == "Claim admission" or re.search(r"\.certificate_id|certificate\.facts|\$dossier %", payload), name


def test_every_expression_parses(states: States) -> None:
    for name, state in states.items():
        for expression in expressions(state):
            assert jsonata_version.parse(expression), name


def test_no_state_reads_its_input(states: States) -> None:
    """What a Catch leads to is given the error for its input: the event is asked of the execution, everything else of variables."""
    for name, state in states.items():
        assert "$states.input" not in json.dumps(state), name


def test_every_variable_is_set_before_it_is_read(machine: dict[str, Any], states: States) -> None:
    """Reading an undefined one fails the execution. What the dossier holds counts part by part, on every way to the state."""
    known = known_on_every_way(machine)
    # nobody was asked, and the turn was lost: a comparison with nothing is false, and the device is held
    known["Is it still what was approved?"].add("dossier.approval")
    for name, state in states.items():
        for expression in expressions(state):
            read = {
                ".".join(filter(None, parts)) for parts in re.findall(r"\$(dossier)\.(\w+)|\$([a-z]\w*)", expression)
            }
            asked = {f"dossier.{part}" for part in re.findall(r"\$exists\(\$dossier\.(\w+)\)", expression)}
            assert read - known[name] - asked - {"states", "parse", "merge", "exists"} == set(), f"{name}: {expression}"


def known_on_every_way(machine: dict[str, Any]) -> dict[str, set[str]]:
    """For each state the variables, and the parts of the dossier, that are set whichever way led to it."""
    known: dict[str, set[str]] = {machine["StartAt"]: set()}
    waiting = [machine["StartAt"]]
    while waiting:
        name = waiting.pop()
        state = machine["States"][name]
        for holder in (*state.get("Choices", []), *state.get("Catch", []), {**state, "Next": follow_up(state)}):
            target, brought = holder["Next"], known[name] | assigned(holder)
            met = known[target] & brought if target in known else brought
            if target in machine["States"] and met != known.get(target):
                known[target] = met
                waiting.append(target)
    return known


def assigned(holder: dict[str, Any]) -> set[str]:
    """What an Assign sets: variables by name, parts of the dossier as ``dossier.part``."""
    found = set(holder.get("Assign", {}))
    dossier = holder.get("Assign", {}).get("dossier", "")
    parts = dossier if isinstance(dossier, dict) else re.findall(r"\$merge\(\[\$dossier, \{'(\w+)': ", dossier)
    return found | {f"dossier.{part}" for part in parts}


def test_the_dossier_is_added_to_and_made_once(states: States) -> None:
    """What a state learned is not lost when another adds to the dossier. Only *Claim admission* begins a new one."""
    for name, state in states.items():
        for holder in (state, *state.get("Choices", []), *state.get("Catch", [])):
            dossier = holder.get("Assign", {}).get("dossier")
            if dossier is not None and name != "Claim admission":
                assert str(dossier).startswith("{% $merge([$dossier, {'"), name


def test_the_parts_of_the_dossier_are_those_of_its_contract(states: States) -> None:
    """A part under another name would not be sealed: a contract ignores a field that it does not know."""
    made = {
        part for state in states.values() for holder in (state, *state.get("Catch", [])) for part in assigned(holder)
    }
    parts = {part.removeprefix("dossier.") for part in made if part.startswith("dossier.")}
    assert parts == set(Dossier.__struct_fields__)


def test_every_answer_of_a_step_is_kept(states: States) -> None:
    """What later states, the record and the message tell of it. What called back is no answer: *Read decision* reads it."""
    for name, state in tasks(states).items():
        kept = [value for value in state.get("Assign", {}).values() if "$states.result.Payload" in str(value)]
        assert bool(kept) == (name != REQUEST_STATE), name


def test_what_leads_to_an_end_says_which_and_why(states: States) -> None:
    ends = {"Hold": {"outcome", "reason"}, "Roll back": {"outcome", "reason"}, "Seal evidence": {"outcome", "reason"}}
    ends["Refuse certificate"] = {"outcome", "reason", "refusal_cause"}
    for name, state in states.items():
        leading = [*state.get("Catch", []), *state.get("Choices", []), {**state, "Next": follow_up(state)}]
        for holder in leading:
            assert ends.get(holder["Next"], set()) <= set(holder.get("Assign", {})), f"{name} → {holder['Next']}"


def follow_up(state: dict[str, Any]) -> str:
    """Where the state's own Assign counts: a Choice's only if no rule matches."""
    return str(state.get("Default", state.get("Next")))


def test_what_was_caught_is_kept_for_the_record(states: States) -> None:
    """Going back to wait, or for another turn, is no fault."""
    again = {REQUEST_STATE, READ_STATE, "Claim admission", "Take turn"}
    for name, state in tasks(states).items():
        for catcher in state.get("Catch", []):
            assert catcher["Next"] in again or "dossier.fault" in assigned(catcher), name


def test_waiting_for_people_ends_in_reading_and_reading_nothing_in_waiting(states: States) -> None:
    asked = {error: catch["Next"] for catch in states[REQUEST_STATE]["Catch"] for error in catch["ErrorEquals"]}
    read = {error: catch["Next"] for catch in states[READ_STATE]["Catch"] for error in catch["ErrorEquals"]}
    assert (asked["States.Timeout"], states[REQUEST_STATE]["Next"]) == (READ_STATE, READ_STATE)
    assert read == {"DecisionPending": REQUEST_STATE}
    assert [name for name, state in states.items() if READ_STATE in follows(state)] == [REQUEST_STATE]


def test_placeholders_and_substitutions_are_the_same(resources: dict[str, Any]) -> None:
    used = set(re.findall(r"\$\{(\w+)\}", (ROOT / "statemachine.asl.json").read_text()))
    assert used == set(resources["AdmissionStateMachine"]["Properties"]["DefinitionSubstitutions"])


def test_functions_are_named_only_by_alias(resources: dict[str, Any]) -> None:
    """An execution that waits for days must find the version that is live then."""
    substitutions = resources["AdmissionStateMachine"]["Properties"]["DefinitionSubstitutions"]
    functions = {name: value for name, value in substitutions.items() if name not in {"Partition", "CodeVersion"}}
    assert functions == {name: {"Ref": f"{name}Function.Alias"} for name in functions}
    assert "arn:aws" not in (ROOT / "statemachine.asl.json").read_text()


def test_the_machine_may_call_its_steps_and_nothing_else(resources: dict[str, Any], states: States) -> None:
    [policy] = resources["AdmissionStateMachine"]["Properties"]["Policies"]
    [invoke] = [statement for statement in policy["Statement"] if statement["Sid"] == "RunTheSteps"]
    allowed = {target["Ref"] for target in invoke["Resource"]}
    called = {state["Arguments"]["FunctionName"].strip("${}") + "Function.Alias" for state in tasks(states).values()}
    assert allowed == called


def test_a_step_is_found_under_the_name_the_console_shows(states: States) -> None:
    for name, state in tasks(states).items():
        function = re.sub(r"(?<!^)(?=[A-Z])", "_", state["Arguments"]["FunctionName"].strip("${}")).lower()
        assert (ROOT / "functions/admission" / function / "app.py").is_file(), name
        assert name.lower().replace(" ", "_").startswith(function) or function == "request_approval", name


def test_the_text_is_in_the_order_in_which_it_is_read(states: States) -> None:
    order = [name for name in states if name in HAPPY_PATH]
    assert order == HAPPY_PATH


def test_text_is_valid_for_a_strict_parser() -> None:
    text = (ROOT / "statemachine.asl.json").read_text()
    assert json.loads(text)
    assert Path(ROOT / "statemachine.asl.json").stat().st_size < 1_000_000, "Step Functions' limit for a definition"


def test_operating_lists_every_states_faults(states: States) -> None:
    """The section on faults in docs/operating.md is the state machine's, state by state."""
    text = (ROOT / "docs/operating.md").read_text().split("## Faults")[1].split("\n## ")[0]
    rows = {}
    for names, later, never in re.findall(r"^### (.+)\n\n- Retried: ([^#]*?)\n- Caught: ([^#]*)$", text, re.MULTILINE):
        rows.update(dict.fromkeys(names.split(", "), (later, " ".join(never.split()).removesuffix("."))))
    assert rows.keys() == tasks(states).keys()
    for name, state in tasks(states).items():
        later, never = rows[name]
        retried = (
            {error for retrier in state["Retry"] for error in retrier["ErrorEquals"]}
            - TRANSIENT
            - {"States.Timeout", THROTTLED}
        )
        assert retried == set(re.findall(r"\w+", later)) & set(error_classes()) - {"DecisionPending"}, name
        caught = {
            (error, catcher["Next"])
            for catcher in state.get("Catch", [])
            for error in set(catcher["ErrorEquals"]) - {"States.Timeout", "DecisionPending"}
        }
        told = {
            (error, part.split("→ ")[1])
            for part in never.split("; ")
            if "→" in part
            for error in re.findall(r"\w+", part.split(" →")[0])
        }
        assert caught == told, name


def test_the_resumer_knows_the_states_it_looks_for_in_the_history(states: States) -> None:
    assert states[READ_STATE]["Arguments"]["FunctionName"] == "${ReadDecision}"
    assert states[REQUEST_STATE]["Resource"].endswith("lambda:invoke.waitForTaskToken")
