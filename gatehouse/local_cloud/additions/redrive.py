"""``RedriveExecution``: an execution goes on from the state where it stopped.

https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html: same ARN, input, variables and definition as when it
started; what succeeded is not run again; the retries of the state begin anew. Within 14 days, for FAILED, ABORTED and TIMED_OUT, with
fewer than 24,999 events in the history."""

import contextvars
import json
import threading
from datetime import UTC, datetime, timedelta

from ministack.services import stepfunctions

from gatehouse.local_cloud.additions import patch
from gatehouse.local_cloud.additions.values import Json, Response

_REDRIVABLE = ("FAILED", "ABORTED", "TIMED_OUT")
WITHIN = timedelta(days=14)
MOST_EVENTS = 24_999
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
    if reason := _hindrance(execution):
        return _refused("ExecutionNotRedrivable", reason)
    entered = [
        event["stateEnteredEventDetails"] for event in execution["events"] if event["type"].endswith("StateEntered")
    ]
    where = {"resumeAt": entered[-1]["name"], "resumeWith": json.loads(entered[-1]["input"])} if entered else {}
    now = stepfunctions.now_iso()
    execution |= {
        "status": "RUNNING",
        **where,
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
    reason = _hindrance(execution)
    view = {
        "redriveCount": execution.get("redriveCount", 0),
        "redriveStatus": "NOT_REDRIVABLE" if reason else "REDRIVABLE",
    }
    if "redriveDate" in execution:
        view["redriveDate"] = execution["redriveDate"]
    if reason:
        view["redriveStatusReason"] = reason
    return view


def _hindrance(execution: Json) -> str:
    """Why the execution cannot be redriven; empty if it can."""
    if execution["status"] not in _REDRIVABLE:
        return f"Execution is {execution['status']} and cannot be redriven"
    if len(execution["events"]) >= MOST_EVENTS:
        return f"Execution event history limit exceeded: {len(execution['events'])} events, fewer than {MOST_EVENTS} can be redriven"
    if datetime.now(UTC) - datetime.fromisoformat(execution["stopDate"]) > WITHIN:
        return f"Execution is not redrivable: it ended at {execution['stopDate']}, more than {WITHIN.days} days ago"
    return ""


def _refused(code: str, message: str) -> Response:
    answer: Response = stepfunctions.error_response_json(code, message, 400)
    return answer
