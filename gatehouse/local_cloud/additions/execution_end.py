"""How executions end: aborted stays aborted, a timeout is TIMED_OUT, and both can be redriven.

https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html (TimeoutSeconds),
https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html (the event of each end). The engine lets a
stopped execution's thread go on: it writes history after the end and can turn ABORTED into FAILED. It does not enforce a
machine's TimeoutSeconds, and tells EventBridge that only FAILED can be redriven.
"""

import contextvars
import json
import threading
from collections.abc import Callable

from ministack.services import stepfunctions

from gatehouse.local_cloud.additions import patch, task_tokens
from gatehouse.local_cloud.additions.values import Json, Response


def apply() -> None:
    sfn = stepfunctions
    patch.edit(
        sfn,
        "_emit_execution_status_event",
        ("redrivable = failed ", 'redrivable = failed = status in ("FAILED", "ABORTED", "TIMED_OUT") '),
    )
    patch.wrap(stepfunctions, "_fail_execution", _fail_execution)
    patch.wrap(stepfunctions, "_add_event", _add_event_while_running)
    patch.wrap(stepfunctions, "_stop_execution", _stop_execution)
    patch.wrap(stepfunctions, "_run_execution", _run_execution)


def _fail_execution(fail: Callable[..., None], execution: Json, error: str, cause: str) -> None:
    if execution["status"] == "RUNNING":
        fail(execution, error, cause)


def _add_event_while_running(
    add_event: Callable[..., Json], execution: Json, event_type: str, details: Json = None
) -> Json:
    if execution.get("status", "RUNNING") != "RUNNING" and not event_type.startswith("Execution"):
        return {}
    return add_event(execution, event_type, details)


def _stop_execution(stop: Callable[..., Response], data: Json) -> Response:
    answer: Response = stop(data)
    if answer[0] < 300:
        task_tokens.close_tokens(data["executionArn"], "Aborted")
    return answer


def _run_execution(run: Callable[..., None], execution_arn: str) -> None:
    execution = stepfunctions._executions[execution_arn]
    machine = stepfunctions._state_machines.get(execution["stateMachineArn"]) or {}
    seconds = json.loads(machine.get("definition", "{}")).get("TimeoutSeconds")
    if seconds is None:
        run(execution_arn)
        return
    end = contextvars.copy_context().run  # the account and region of the execution
    timer = threading.Timer(seconds, end, (_end_by_timeout, execution))
    timer.daemon = True
    timer.start()
    try:
        run(execution_arn)
    finally:
        timer.cancel()


def _end_by_timeout(execution: Json) -> None:
    if execution["status"] != "RUNNING":
        return
    execution["status"] = "TIMED_OUT"
    execution["error"] = "States.Timeout"
    execution["stopDate"] = stepfunctions.now_iso()
    stepfunctions._add_event(execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {}})
    stepfunctions._emit_execution_status_event(execution)
    task_tokens.close_tokens(execution["executionArn"], "Timeout")
