"""What Step Functions refuses of an execution, and what it limits.

- ``StartExecution``: a name of at most 80 allowed characters, an input of at most 262,144 bytes of JSON; the same name and input while
  that execution runs give the same execution (https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html).
- A state's input, result or output above 262,144 bytes is ``States.DataLimitExceeded``. ``States.ALL`` catches neither it nor
  ``States.Runtime``, which always fails the execution
  (https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html).
- Variables: 256 KiB each, 256 KiB in one Assign, 10 MiB in an execution
  (https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html). The page does not name the error; here it is
  States.DataLimitExceeded.

The engine has none of these. The sizes are checked for JSONata, which is what the state machines here use.
"""

import json
import re
from collections.abc import Callable

from ministack.services import stepfunctions

from gatehouse.local_cloud.additions import patch
from gatehouse.local_cloud.additions.values import Json, Response

PAYLOAD_BYTES = VARIABLE_BYTES = ASSIGN_BYTES = 256 * 1024
EXECUTION_BYTES = 10 * 1024 * 1024
UNCATCHABLE = "States.Runtime"
ONLY_BY_NAME = "States.DataLimitExceeded"
NAME = re.compile(r"[^\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}")
"""https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html, name; the same for a state machine's."""


def apply() -> None:
    patch.wrap(stepfunctions, "_start_execution", _start_execution)
    patch.wrap(stepfunctions, "_apply_jsonata_arguments", _apply_jsonata_arguments)
    patch.wrap(stepfunctions, "_apply_jsonata_output", _apply_jsonata_output)
    patch.wrap(stepfunctions, "_invoke_resource", _invoke_resource)
    patch.wrap(stepfunctions, "_apply_state_assign", _apply_state_assign)
    patch.wrap(stepfunctions, "_error_matches", _error_matches)


def _start_execution(original: Callable[..., Response], data: Json) -> Response:
    name, text = data.get("name"), data.get("input", "{}")
    if name is not None and not NAME.fullmatch(name):
        return _refused("InvalidName", f"Invalid Name: '{name}'")
    if size(text) > PAYLOAD_BYTES or not _is_json(text):
        return _refused("InvalidExecutionInput", f"Invalid Execution Input: not JSON of at most {PAYLOAD_BYTES} bytes")
    running = _same_that_runs(data, name, text)
    return running or original(data)


def _same_that_runs(data: Json, name: str | None, text: str) -> Response | None:
    machine = stepfunctions._resolve_state_machine_arn(data.get("stateMachineArn", "")) or ""
    arn = f"{machine.replace(':stateMachine:', ':execution:')}:{name}"
    execution = stepfunctions._executions.get(arn)
    if execution is None or execution["status"] != "RUNNING" or execution["input"] != text:
        return None
    answer: Response = stepfunctions.json_response({"executionArn": arn, "startDate": execution["startDate"]})
    return answer


def _apply_jsonata_arguments(arguments: Callable[..., Json], *given: Json, **named: Json) -> Json:
    return _within(arguments(*given, **named), "input")


def _apply_jsonata_output(output: Callable[..., Json], *given: Json, **named: Json) -> Json:
    return _within(output(*given, **named), "output")


def _invoke_resource(invoke: Callable[..., Json], *given: Json, **named: Json) -> Json:
    return _within(invoke(*given, **named), "result")


def _within(value: Json, what: str) -> Json:
    if size(json.dumps(value, ensure_ascii=False)) > PAYLOAD_BYTES:
        raise _too_large(f"The state has {_an(what)} with a size exceeding the maximum number of bytes service limit")
    return value


def _an(what: str) -> str:
    return f"a {what}" if what == "result" else f"an {what}"


def _apply_state_assign(original: Callable[..., None], state: Json, raw_input: Json, ctx: Json, **rest: Json) -> None:
    variables = (ctx or {}).get("variables", {})
    before = dict(variables)
    original(state, raw_input, ctx, **rest)
    assigned = {name: size(json.dumps(variables[name], ensure_ascii=False)) for name in state.get("Assign") or ()}
    everything = sum(size(json.dumps(value, ensure_ascii=False)) for value in variables.values())
    if max(assigned.values(), default=0) > VARIABLE_BYTES:
        told = f"a variable is larger than {VARIABLE_BYTES} bytes"
    elif sum(assigned.values()) > ASSIGN_BYTES:
        told = f"the variables of one Assign are larger than {ASSIGN_BYTES} bytes"
    elif everything > EXECUTION_BYTES:
        told = f"the variables of the execution are larger than {EXECUTION_BYTES} bytes"
    else:
        return
    variables.clear()
    variables.update(before)
    raise _too_large(told)


def _error_matches(original: Callable[..., bool], error_equals: list[str], error: str) -> bool:
    if error == UNCATCHABLE:
        return False
    if error == ONLY_BY_NAME:
        return error in error_equals
    return bool(original(error_equals, error))


def size(text: str) -> int:
    """Bytes of the text as UTF-8."""
    return len(text.encode())


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _too_large(message: str) -> Exception:
    error: Exception = stepfunctions._ExecutionError(ONLY_BY_NAME, message)
    return error


def _refused(code: str, message: str) -> Response:
    answer: Response = stepfunctions.error_response_json(code, message, 400)
    return answer
