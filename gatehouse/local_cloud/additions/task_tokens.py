"""Task tokens and waitForTaskToken as Step Functions treats them.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token and the API pages of SendTaskSuccess
and SendTaskFailure. The engine swallows an error of the function that was to pass the token on, so the execution would wait for ever; keeps
one token for every attempt; takes a second answer to a token; and has no TaskTimedOut, InvalidToken and InvalidOutput.
"""

import json
import threading
from collections.abc import Callable

from ministack.services import stepfunctions

from gatehouse.local_cloud.additions import patch
from gatehouse.local_cloud.additions.values import Json, Response

_answering = threading.Lock()
_execution_of_token: dict[str, str] = {}  # every token ever issued


def apply() -> None:
    sfn = stepfunctions
    sfn._issue_token = _issue_token
    count_retries = 'ctx["State"]["RetryCount"] = sum(retry_counts.values())\n'
    patch.edit(
        sfn,
        "_execute_task",
        ('    if is_callback:\n        ctx["Task"] = {"Token": new_uuid()}\n', ""),
        (
            count_retries,
            count_retries + '        if is_callback:\n            ctx["Task"] = {"Token": _issue_token(execution)}\n',
        ),
    )
    patch.edit(
        sfn,
        "_invoke_with_callback",
        (
            "        except _ExecutionError:\n            pass\n",
            "        except _ExecutionError:\n            _task_tokens.pop(token, None)\n            raise\n",
        ),
    )
    patch.wrap(sfn, "_send_task_success", _with_json_output)
    for name in ("_send_task_success", "_send_task_failure", "_send_task_heartbeat"):
        patch.wrap(sfn, name, _once)


def close_tokens(execution_arn: str, status: str) -> None:
    """End what an execution waits for, because the execution itself has ended."""
    with _answering:
        for token, owner in _execution_of_token.items():
            waiting = stepfunctions._task_tokens.get(token) if owner == execution_arn else None
            if waiting is not None:
                waiting["error"] = {"Error": f"States.{status}", "Cause": f"The execution ended: {status}"}
                waiting["event"].set()


def machine_of(token: str) -> str:
    """The ARN of the state machine that issued a token; ``*`` for a token nobody issued."""
    parts = _execution_of_token.get(token, "").split(":")
    return ":".join([*parts[:5], "stateMachine", parts[6]]) if len(parts) == 8 else "*"


def _issue_token(execution: Json) -> str:
    token: str = stepfunctions.new_uuid()
    _execution_of_token[token] = execution["executionArn"]
    return token


def _once(original: Callable[[Json], Response], data: Json) -> Response:
    """A token is answered once; then, and after its task ended, it is TaskTimedOut."""
    token = data.get("taskToken")
    with _answering:
        waiting = stepfunctions._task_tokens.get(token)
        if waiting is not None and not waiting["event"].is_set():
            return original(data)
    if waiting is None and token not in _execution_of_token:
        return _refused("InvalidToken", "Invalid Token: 'Invalid token'")
    return _refused("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")


def _with_json_output(original: Callable[[Json], Response], data: Json) -> Response:
    try:
        json.loads(data.get("output", ""))
    except ValueError:
        return _refused("InvalidOutput", "Invalid Output: 'The provided output is not valid JSON'")
    return original(data)


def _refused(code: str, message: str) -> Response:
    answer: Response = stepfunctions.error_response_json(code, message, 400)
    return answer
