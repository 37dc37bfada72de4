"""``RedriveExecution``: an execution goes on from the state where it stopped.

https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html: same ARN, input, variables and definition as when it started;
what succeeded is not run again; the retries of the state begin anew. Within 14 days, for FAILED, ABORTED and TIMED_OUT.
"""

import contextvars
import json
import threading

from ministack.services import stepfunctions

from gatehouse.local_cloud.additions import patch
from gatehouse.local_cloud.additions.values import Json, Response

_REDRIVABLE = ("FAILED", "ABORTED", "TIMED_OUT")
_WALK = '    try:\n        while current_name and execution["status"] == "RUNNING":'


def apply() -> None:
    sfn = stepfunctions
    sfn._redrive_execution = _redrive_execution
    sfn._redrive_view = _redrive_view
    patch.edit(
        sfn,
        "_run_execution",
        ('json.loads(sm["definition"])', 'json.loads(execution.setdefault("definition", sm["definition"]))'),
        ('definition.get("StartAt")', 'execution.get("resumeAt") or definition.get("StartAt")'),
        ('"variables": {},', '"variables": execution.setdefault("variables", {}),'),
        ('"Name": execution["name"],', '"Name": execution["name"], "RedriveCount": execution.get("redriveCount", 0),'),
        (_WALK, '    current_input = execution.get("resumeWith", current_input)\n' + _WALK),
    )
    patch.edit(
        sfn,
        "handle_request",
        (
            '"StopExecution": _stop_execution,',
            '"StopExecution": _stop_execution, "RedriveExecution": _redrive_execution,',
        ),
    )
    patch.edit(
        sfn,
        "_describe_execution",
        ("return json_response(result)", "return json_response({**result, **_redrive_view(execution)})"),
    )
    patch.edit(
        sfn, "_emit_execution_status_event", ('"redriveCount": 0,', '"redriveCount": execution.get("redriveCount", 0),')
    )


def _redrive_execution(data: Json) -> Response:
    execution = stepfunctions._executions.get(data.get("executionArn"))
    if execution is None:
        return _refused("ExecutionDoesNotExist", f"Execution Does Not Exist: '{data.get('executionArn')}'")
    if execution["status"] not in _REDRIVABLE:
        return _refused("ExecutionNotRedrivable", f"Execution is {execution['status']} and cannot be redriven")
    stopped_in = [event for event in execution["events"] if event["type"].endswith("StateEntered")][-1]
    entered = stopped_in["stateEnteredEventDetails"]
    now = stepfunctions.now_iso()
    execution |= {
        "status": "RUNNING",
        "resumeAt": entered["name"],
        "resumeWith": json.loads(entered["input"]),
        "redriveCount": execution.get("redriveCount", 0) + 1,
        "redriveDate": now,
        "stopDate": None,
        "output": None,
        "error": None,
        "cause": None,
    }
    details = {"executionRedrivenEventDetails": {"redriveCount": execution["redriveCount"]}}
    stepfunctions._add_event(execution, "ExecutionRedriven", details)
    stepfunctions._emit_execution_status_event(execution)
    run = contextvars.copy_context().run
    threading.Thread(target=run, args=(stepfunctions._run_execution, execution["executionArn"]), daemon=True).start()
    answer: Response = stepfunctions.json_response({"redriveDate": now})
    return answer


def _redrive_view(execution: Json) -> Json:
    """What DescribeExecution says about redriving."""
    possible = execution["status"] in _REDRIVABLE
    view = {
        "redriveCount": execution.get("redriveCount", 0),
        "redriveStatus": "REDRIVABLE" if possible else "NOT_REDRIVABLE",
    }
    if "redriveDate" in execution:
        view["redriveDate"] = execution["redriveDate"]
    if not possible:
        view["redriveStatusReason"] = f"Execution is {execution['status']} and cannot be redriven"
    return view


def _refused(code: str, message: str) -> Response:
    answer: Response = stepfunctions.error_response_json(code, message, 400)
    return answer
