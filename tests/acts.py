"""`seal_act` for tests in one process: what an operator's command invokes, as Lambda runs it."""

import io
import json
from contextlib import redirect_stdout
from typing import Any

import pytest

from functions.evidence.seal_act import admission
from functions.evidence.seal_act.app import handler
from functions.shared import aws
from gatehouse.stack.target import Target
from tests import aws_environment


def serve(monkeypatch: pytest.MonkeyPatch, target: Target) -> None:
    """From now on commands find the function; its executions are those of the target's client."""
    target.outputs["SealActArn"] = "arn:aws:lambda:eu-west-1:123456789012:function:seal_act:live"
    monkeypatch.setattr(target.client("lambda"), "invoke", invoke)
    monkeypatch.setattr(
        admission,
        "client",
        lambda service: target.client(service) if service == "stepfunctions" else aws.client(service),
    )


def invoke(*, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
    """Lambda's answer: the function's, or what it raised."""
    assert FunctionName.endswith(":live")
    try:
        with redirect_stdout(io.StringIO()):  # a Lambda's log does not go to whoever invokes it
            answer = aws_environment.call(handler, json.loads(Payload))
    except Exception as error:  # noqa: BLE001 - as Lambda does
        fault = {"errorType": type(error).__name__, "errorMessage": str(error)}
        return {"FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps(fault).encode())}
    return {"Payload": io.BytesIO(json.dumps(answer).encode())}
