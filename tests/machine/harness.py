"""The real state machine with the real handlers, in one process: moto interprets ``statemachine.asl.json``, its Lambda calls land in
``functions/``. Retry's waits are skipped, everything else is as deployed.
"""

import importlib
import json
import logging
import re
import time
import traceback
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from jsonata.utils import Utils
from moto.awslambda_simple.models import LambdaSimpleBackend
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.intrinsic import jsonata as moto_intrinsic
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.eval import states as moto_states
from moto.stepfunctions.parser.asl.eval import variable_store
from moto.stepfunctions.parser.asl.jsonata import jsonata as moto_jsonata
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

from gatehouse.local_cloud import jsonata_version
from tests import aws_environment

ROOT = Path(__file__).parents[2]
MOTO: Any = {
    **aws_environment.MOTO,
    "stepfunctions": {"execute_state_machine": True},
    "lambda": {"use_docker": False},
}
STEPS = re.findall(r'"FunctionName": "\$\{(\w+)\}"', (ROOT / "statemachine.asl.json").read_text())

Fault = Callable[[dict[str, Any], Callable[[], Any]], Any]
"""Stands between the machine and a step: takes the payload and the real call, answers or raises in its place."""


@dataclass
class Run:
    """What became of one execution."""

    arn: str
    status: str
    states: list[str]
    output: dict[str, Any]
    error: str
    cause: str

    @property
    def transitions(self) -> int:
        """State transitions as AWS bills them: one for each state entered."""
        return len(self.states)


class Machine:
    """One deployed state machine. `faults` maps a step's folder name to what happens instead of a plain call."""

    def __init__(self, arn: str) -> None:
        self.arn = arn
        self.faults: dict[str, Fault] = {}
        self.calls: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self._sfn: Any = boto3.client("stepfunctions", region_name=aws_environment.REGION)

    def start(self, event: object) -> str:
        """Start an execution as the topic rule does; returns its ARN."""
        name = f"{str(event.get('certificateId', ''))[:16] if isinstance(event, dict) else ''}-{uuid.uuid4()}"
        answer = self._sfn.start_execution(stateMachineArn=self.arn, input=json.dumps(event), name=name)
        return str(answer["executionArn"])

    def run(self, event: object) -> Run:
        """Start an execution and see it end."""
        return self.ended(self.start(event))

    def ended(self, arn: str, within: float = 30.0) -> Run:
        """Wait until the execution is over."""
        self._poll(lambda: self._describe(arn)["status"] != "RUNNING", within, f"{arn} did not end")
        return self._run(arn)

    def waiting_in(self, arn: str, state: str, within: float = 30.0) -> Run:
        """Wait until the execution has entered `state` and its step has been called."""
        step = re.sub(r"\W+", "_", state.lower())

        def there() -> bool:
            run = self._run(arn)
            assert run.status == "RUNNING", f"ended in {run.states[-1]} as {run.status}: {run.error} {run.cause}"
            return run.states[-1:] == [state] and self.calls[step] > 0

        self._poll(there, within, f"{arn} never waited in {state}")
        return self._run(arn)

    def state(self, arn: str) -> str:
        """The state the execution is in."""
        return self._run(arn).states[-1]

    def called(self, step: str, times: int, within: float = 30.0) -> None:
        """Wait until the step was called so often."""
        self._poll(
            lambda: self.calls[step] >= times, within, f"{step} was called {self.calls[step]} times, not {times}"
        )

    def settled(self, step: str, within: float = 30.0) -> None:
        """Wait until every call of the step has been answered."""
        self._poll(lambda: self.answers[step] >= self.calls[step] > 0, within, f"{step} did not answer")

    def _poll(self, done: Callable[[], bool], within: float, otherwise: str) -> None:
        until = time.monotonic() + within
        while not done():
            assert time.monotonic() < until, otherwise
            time.sleep(0.01)

    def _describe(self, arn: str) -> dict[str, Any]:
        return dict(self._sfn.describe_execution(executionArn=arn))

    def _run(self, arn: str) -> Run:
        described = self._describe(arn)
        pages = self._sfn.get_paginator("get_execution_history").paginate(executionArn=arn)
        events = [event for page in pages for event in page["events"]]
        entered = [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
        return Run(
            arn=arn,
            status=described["status"],
            states=entered,
            output=json.loads(described.get("output") or "{}"),
            error=described.get("error", ""),
            cause=described.get("cause", ""),
        )

    def invoke(self, step: str, body: bytes | str, response_headers: dict[str, str]) -> bytes:
        """What Lambda does: call the handler, and report an exception by the name of its class."""
        self.calls[step] += 1
        try:
            return self._invoke(step, body, response_headers)
        finally:
            self.answers[step] += 1

    def _invoke(self, step: str, body: bytes | str, response_headers: dict[str, str]) -> bytes:
        payload = json.loads(body)
        handler = importlib.import_module(f"functions.admission.{step}.app").handler

        def call() -> Any:
            return handler(payload, aws_environment.context())

        try:
            result = self.faults[step](payload, call) if step in self.faults else call()
        except Exception as error:  # noqa: BLE001 - Lambda reports whatever was raised
            response_headers["x-amz-function-error"] = "Unhandled"
            return json.dumps(
                {
                    "errorType": type(error).__name__,
                    "errorMessage": str(error),
                    "stackTrace": traceback.format_tb(error.__traceback__)[-1:],
                }
            ).encode()
        return json.dumps(result).encode()


@contextmanager
def deployed(monkeypatch: pytest.MonkeyPatch, definition: Callable[[str], str] = str) -> Iterator[Machine]:
    """The machine, deployed into moto's Step Functions. `definition` may change its text first (mutants)."""
    _teach_moto(monkeypatch)
    text = definition((ROOT / "statemachine.asl.json").read_text())
    for step in STEPS:
        text = text.replace(f'"${{{step}}}"', json.dumps(folder(step)))
    text = text.replace("${Partition}", "aws").replace("${CodeVersion}", "0.0.0")
    client: Any = boto3.client("stepfunctions", region_name=aws_environment.REGION)
    role = f"arn:aws:iam::{aws_environment.ACCOUNT}:role/machine"
    machine = Machine(
        client.create_state_machine(name=aws_environment.MACHINE, definition=text, roleArn=role)["stateMachineArn"]
    )

    def invoke(
        _: object, function_name: str, qualifier: str | None, body: Any, headers: Any, response_headers: Any
    ) -> bytes:
        return machine.invoke(function_name, body, response_headers)

    monkeypatch.setattr(LambdaSimpleBackend, "invoke", invoke)
    yield machine


def folder(step: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", step).lower()


def _with_null(value: Any) -> Any:
    """JSON's null is a value to JSONata, Python's None is none at all."""
    if isinstance(value, dict):
        return {key: _with_null(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_with_null(part) for part in value]
    return Utils.NULL_VALUE if value is None else value


_parsed = cache(AmazonStateLanguageParser.parse)
"""moto parses the text again for every execution, which takes a second; what it makes of it keeps nothing of one."""


def _teach_moto(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give moto the JSONata interpreter it leaves out, quoting for strings, and no patience between retries."""

    values: list[Any] = []

    def evaluate(expression: str) -> Any:
        parsed = jsonata_version.parse(expression)
        parsed.register_lambda("parse", json.loads)
        parsed.register_lambda("value", lambda number: values[int(number)])
        return parsed.evaluate(None)

    def declare(bindings: dict[str, Any]) -> str:
        """Hand values over as they are: moto would have the interpreter read each as a literal, and quotes strings wrongly."""
        declarations = []
        for name, value in bindings.items():
            values.append(_with_null(value))
            declarations.append(f"{name}:=$value({len(values) - 1});")
        return "".join(declarations)

    logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)  # it logs every failed task with the whole state
    monkeypatch.setattr(moto_jsonata, "_eval_jsonata", evaluate)
    monkeypatch.delitem(
        moto_intrinsic._DECLARATION_BY_VARIABLE_REFERENCE, "$parse"
    )  # moto makes it of $eval, which AWS lacks
    monkeypatch.setattr(moto_states, "encode_jsonata_variable_declarations", declare)
    monkeypatch.setattr(variable_store, "encode_jsonata_variable_declarations", declare)
    monkeypatch.setattr(retrier_decl, "time", SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setattr(AmazonStateLanguageParser, "parse", _parsed)
    monkeypatch.setattr(WaitFunction, "_wait_interval", lambda _self, **_: None)
