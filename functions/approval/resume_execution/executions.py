"""The executions that wait for a decision: ends a wait, and finds the state of an execution whose token is no longer valid."""

from typing import Literal

import msgspec
from botocore.exceptions import ClientError

from functions.shared.aws import client, translated
from workflows.approval.request import READ_STATE, REQUEST_STATE

Whereabouts = Literal["past", "waiting", "gone"]
_TOKEN_ERRORS = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})


def resume(task_token: str, approval_id: str) -> bool:
    """Ends the wait. Returns False if the token is no longer valid, for any reason.

    The output does not contain the decision. The execution reads it from the table (see *Read decision*).
    """
    output = msgspec.json.encode({"approval_id": approval_id}).decode()
    try:
        with translated():
            client("stepfunctions").send_task_success(taskToken=task_token, output=output)
    except ClientError as error:
        if error.response["Error"]["Code"] in _TOKEN_ERRORS:
            return False
        raise
    return True


def whereabouts(execution_arn: str) -> Whereabouts:
    """Returns where the execution is.

    ``past``: it has read the decision or will read it next. ``waiting``: it may still send a new token. ``gone``: it ended before that.
    """
    try:
        with translated():
            status = client("stepfunctions").describe_execution(executionArn=execution_arn)["status"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
            return "gone"
        raise
    if _past(execution_arn):
        return "past"
    return "waiting" if status in {"RUNNING", "PENDING_REDRIVE"} else "gone"


def _past(execution_arn: str) -> bool:
    """Returns True if the latest event of the two states leaves the first state or enters the second.

    A history has at most a few hundred events.
    """
    latest, past = 0, False
    with translated():
        pages = (
            client("stepfunctions")
            .get_paginator("get_execution_history")
            .paginate(executionArn=execution_arn, includeExecutionData=False, PaginationConfig={"PageSize": 1000})
        )
        for event in (event for page in pages for event in page["events"]):
            entered = event.get("stateEnteredEventDetails", {}).get("name")
            left = event.get("stateExitedEventDetails", {}).get("name")
            if (entered in {REQUEST_STATE, READ_STATE} or left == REQUEST_STATE) and event["id"] > latest:
                latest, past = event["id"], entered != REQUEST_STATE
    return past
