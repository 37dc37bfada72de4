"""A definition that Step Functions would refuse is refused when the state machine is made or changed, by call or by stack.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html (InvalidDefinition, InvalidName): the engine
reads the JSONata of a definition, but of a version that Step Functions does not run, and not at all when a stack makes the machine. It
does not look whether states exist. Held here: JSONata (`jsonata_version`), StartAt and every transition, the states' types, and the
names of variables (https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html: at most 80 characters, not
``states``)."""

import json
import re
from collections.abc import Callable, Iterator

from ministack.services import stepfunctions
from ministack.services.cloudformation import provisioners

from gatehouse.local_cloud import jsonata_version
from gatehouse.local_cloud.additions import patch
from gatehouse.local_cloud.additions.machine_limits import NAME
from gatehouse.local_cloud.additions.values import Json, Response

TYPES = frozenset({"Task", "Pass", "Choice", "Wait", "Parallel", "Map", "Succeed", "Fail"})
_VARIABLE = re.compile(r"[^\W\d]\w{0,79}")


def apply() -> None:
    jsonata_version.restrict()
    patch.wrap(stepfunctions, "_validate_definition_jsonata", _validate_definition)
    patch.wrap(stepfunctions, "_create_state_machine", _create_state_machine)
    patch.wrap(provisioners, "_sfn_definition", _definition_of)


def _validate_definition(validate: Callable[..., str | None], text: Json) -> str | None:
    found: str | None = validate(text)
    return found or next(faults(text), None)


def _create_state_machine(create: Callable[..., Response], data: Json) -> Response:
    if not NAME.fullmatch(str(data.get("name", ""))):
        refused: Response = stepfunctions.error_response_json("InvalidName", f"Invalid Name: '{data.get('name')}'", 400)
        return refused
    return create(data)


def _definition_of(original: Callable[..., str], properties: Json) -> str:
    text: str = original(properties)
    found = stepfunctions._validate_definition_jsonata(text)
    if found:
        raise ValueError(f"InvalidDefinition: {found}")  # how the engine's own handlers refuse
    return text


def faults(text: Json) -> Iterator[str]:
    """What is wrong with a definition, in words. Its JSONata is the engine's to read."""
    try:
        definition = json.loads(text)
    except (TypeError, ValueError):
        yield "INVALID_JSON_DESCRIPTION: the definition is not valid JSON"
        return
    yield from _of_machine(definition, "")


def _of_machine(machine: Json, at: str) -> Iterator[str]:
    states = machine.get("States") if isinstance(machine, dict) else None
    if not isinstance(states, dict) or not states:
        yield f"SCHEMA_VALIDATION_FAILED: there are no States at {at or '/'}"
        return
    if machine.get("StartAt") not in states:
        yield f"MISSING_TRANSITION_TARGET: there is no state {machine.get('StartAt')} at {at}/StartAt"
    for name, state in states.items():
        where = f"{at}/States/{name}"
        if state.get("Type") not in TYPES:
            yield f"SCHEMA_VALIDATION_FAILED: {state.get('Type')} is not a type of a state at {where}/Type"
        for field, target in _targets(state):
            if target not in states:
                yield f"MISSING_TRANSITION_TARGET: there is no state {target} at {where}/{field}"
        for variable in _variables(state):
            if not _VARIABLE.fullmatch(variable) or variable == "states":
                yield f"SCHEMA_VALIDATION_FAILED: {variable} is not a name of a variable at {where}/Assign"
        for field, inner in _machines_in(state):
            yield from _of_machine(inner, f"{where}/{field}")


def _machines_in(state: Json) -> Iterator[tuple[str, Json]]:
    yield from ((f"Branches/{number}", branch) for number, branch in enumerate(state.get("Branches") or ()))
    yield from ((field, state[field]) for field in ("ItemProcessor", "Iterator") if field in state)


def _targets(state: Json) -> Iterator[tuple[str, str]]:
    yield from ((field, state[field]) for field in ("Next", "Default") if field in state)
    for field in ("Choices", "Catch"):
        yield from ((field, entry["Next"]) for entry in state.get(field) or () if "Next" in entry)


def _variables(state: Json) -> Iterator[str]:
    for holder in (state, *(state.get("Choices") or ()), *(state.get("Catch") or ())):
        yield from holder.get("Assign") or ()
