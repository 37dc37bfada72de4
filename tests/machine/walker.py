"""The state machine's text walked in one thread: fast enough for thousands of faults, and with the redrive that moto lacks.

Only what our two texts use of the Amazon States Language with JSONata (https://states-language.net/): Task with Retry, Catch and Assign,
Choice, Wait, Pass, Succeed, Fail. ``test_walker.py`` holds it to moto's interpreter, way by way.
"""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from jsonata import Jsonata
from jsonata.utils import Utils

from gatehouse.local_cloud import jsonata_version

Invoke = Callable[["Walk", str, dict[str, Any]], Any]
"""Calls the function of the step named, from the state that the walk is in, with a payload; returns what the function answers."""


class Stopped(BaseException):
    """The function did not end by itself: no handler catches this. `error` is what Step Functions calls it."""

    def __init__(self, error: str) -> None:
        self.error = error
        super().__init__(error)


class WaitsForEver(AssertionError):  # noqa: N818 - as Stopped
    """The function hangs, and the state has no TimeoutSeconds."""


class TaskFailed(Exception):  # noqa: N818 - an answer of the service, which the state may retry or catch
    """A task's error by its name, with the text that Step Functions puts into Cause."""

    def __init__(self, error: str, cause: str) -> None:
        self.error, self.cause = error, cause
        super().__init__(f"{error}: {cause}")


@cache
def _parsed(expression: str) -> Jsonata:
    parsed = jsonata_version.parse(expression)
    parsed.register_lambda("parse", json.loads)
    parsed.output_convert_nulls = False  # so that null is told from undefined
    return parsed


def _to_jsonata(value: Any) -> Any:
    """JSON's null is a value to JSONata, Python's None is none at all."""
    if isinstance(value, dict):
        return {key: _to_jsonata(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_to_jsonata(part) for part in value]
    return Utils.NULL_VALUE if value is None else value


def _from_jsonata(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _from_jsonata(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_from_jsonata(part) for part in value]
    return None if value is Utils.NULL_VALUE else value


@dataclass
class Walk:
    """One execution. `status` is RUNNING, WAITING (for `token`), SUCCEEDED or FAILED."""

    definition: dict[str, Any]
    invoke: Invoke
    event: Any
    arn: str
    started_at: str
    attempts: int = 10**6
    """The most retries of one retrier, whatever the text says: a lasting fault is found out sooner."""
    passing: Callable[[str], None] = lambda _: None
    """Told each timestamp that a Wait waits for."""
    status: str = "RUNNING"
    states: list[str] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)
    output: Any = None
    error: str = ""
    cause: str = ""
    token: str = ""
    left: dict[int, str] = field(default_factory=dict)
    """The state that was left before the number of states entered then: what GetExecutionHistory says of a callback."""

    def __post_init__(self) -> None:
        self._state: str = self.definition["StartAt"]
        self._input: Any = self.event

    @property
    def name(self) -> str:
        return self.arn.rsplit(":", 1)[1]

    def go(self) -> "Walk":
        """Go on until the execution ends or waits."""
        self.states.append(self._state)
        for _ in range(200):
            state = self.definition["States"][self._state]
            try:
                getattr(self, f"_{state['Type'].lower()}")(state)
            except TaskFailed as failed:
                self.status, self.error, self.cause = "FAILED", failed.error, failed.cause
            if self.status != "RUNNING":
                return self
            self.states.append(self._state)
        raise WaitsForEver(f"walks in circles: {self.states[-6:]}")

    def redrive(self) -> "Walk":
        """From the state that failed, with its input and the variables as they were; its retries begin anew.

        https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
        """
        assert self.status == "FAILED", f"{self.status} cannot be redriven"
        self.status, self.error, self.cause = "RUNNING", "", ""
        return self.go()

    def called_back(self, output: Any) -> "Walk":
        """SendTaskSuccess."""
        self._resumes()
        return self._carry_on(lambda state: self._succeeded(state, output))

    def timed_out(self) -> "Walk":
        """Nobody called back within TimeoutSeconds."""
        self._resumes()
        return self._carry_on(lambda state: self._failed(state, TaskFailed("States.Timeout", ""), {}))

    def _resumes(self) -> None:
        assert self.status == "WAITING", f"{self.status} waits for nobody"
        self.status, self.token = "RUNNING", ""

    def _carry_on(self, end: Callable[[dict[str, Any]], object]) -> "Walk":
        try:
            end(self.definition["States"][self._state])
        except TaskFailed as failed:
            self.status, self.error, self.cause = "FAILED", failed.error, failed.cause
            return self
        return self.go()

    def _task(self, state: dict[str, Any]) -> None:
        tried: dict[int, int] = {}
        while True:
            token = str(uuid.uuid4())
            try:
                result = self._call(state, token)
            except TaskFailed as failed:
                if self._failed(state, failed, tried):
                    continue
                return
            if state["Resource"].endswith(".waitForTaskToken"):
                self.status, self.token = "WAITING", token
                return
            self._succeeded(state, result)
            return

    def _call(self, state: dict[str, Any], token: str) -> dict[str, Any]:
        arguments = self._evaluated(state["Arguments"], token=token)
        limit = self._evaluated(state.get("TimeoutSeconds"), token=token)
        if limit is not None and not (isinstance(limit, int) and limit > 0):
            raise TaskFailed("States.QueryEvaluationError", f"TimeoutSeconds is {limit}")
        try:
            answer = self.invoke(self, arguments["FunctionName"], json.loads(json.dumps(arguments["Payload"])))
        except Stopped as stopped:
            if stopped.error == "States.Timeout" and limit is None:
                raise WaitsForEver(f"{self._state} has no TimeoutSeconds") from None
            cause = "" if stopped.error == "States.Timeout" else _cause(stopped.error, "RequestId: 1 Error: killed")
            raise TaskFailed(stopped.error, cause) from None
        except AssertionError:
            raise
        except Exception as error:
            raise TaskFailed(type(error).__name__, _cause(type(error).__name__, str(error))) from error
        return {"Payload": json.loads(json.dumps(answer)), "StatusCode": 200}

    def _failed(self, state: dict[str, Any], failed: TaskFailed, tried: dict[int, int]) -> bool:
        """True: try again. False: caught. Raises what is neither."""
        for number, retrier in enumerate(state.get("Retry", [])):
            if _names(retrier, failed.error):
                tried[number] = tried.get(number, 0) + 1
                if tried[number] <= min(retrier.get("MaxAttempts", 3), self.attempts):
                    return True
                break
        for catcher in state.get("Catch", []):
            if _names(catcher, failed.error):
                told = {"Error": failed.error, "Cause": failed.cause}
                self._leave(catcher, catcher["Next"], told, errorOutput=told)
                return False
        raise failed

    def _succeeded(self, state: dict[str, Any], result: Any) -> None:
        self._leave(state, state.get("Next", ""), result, result=result)

    def _choice(self, state: dict[str, Any]) -> None:
        for rule in state["Choices"]:
            if self._evaluated(rule["Condition"]) is True:
                self._leave(rule, rule["Next"], self._input)
                return
        if "Default" not in state:
            raise TaskFailed("States.NoChoiceMatched", self._state)
        self._leave(state, state["Default"], self._input)

    def _wait(self, state: dict[str, Any]) -> None:
        self.passing(self._evaluated(state["Timestamp"]))
        self._leave(state, state["Next"], self._input)

    def _pass(self, state: dict[str, Any]) -> None:
        self._leave(state, state["Next"], self._input)

    def _succeed(self, state: dict[str, Any]) -> None:
        self.output = self._evaluated(state["Output"]) if "Output" in state else self._input
        self.status = "SUCCEEDED"

    def _fail(self, state: dict[str, Any]) -> None:
        raise TaskFailed(self._evaluated(state["Error"]), self._evaluated(state["Cause"]))

    def _leave(self, said: dict[str, Any], target: str, otherwise: Any, **states: Any) -> None:
        """Assign and Output are worked out side by side, from the variables as they were."""
        assigned = {name: self._evaluated(value, **states) for name, value in said.get("Assign", {}).items()}
        output = self._evaluated(said["Output"], **states) if "Output" in said else otherwise
        self.left[len(self.states)] = self._state
        self.variables |= assigned
        self._input, self._state = output, target

    def _evaluated(self, value: Any, *, token: str = "", **states: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._evaluated(part, token=token, **states) for key, part in value.items()}
        if isinstance(value, list):
            return [self._evaluated(part, token=token, **states) for part in value]
        if not (isinstance(value, str) and value.startswith("{%")):
            return value
        execution = {"Id": self.arn, "Input": self.event, "Name": self.name, "StartTime": self.started_at}
        given = {"input": self._input, "context": {"Execution": execution, "Task": {"Token": token}}, **states}
        parsed = _parsed(value.removeprefix("{%").removesuffix("%}").strip())
        try:
            found = parsed.evaluate(None, _to_jsonata({**self.variables, "states": given}))
        except Exception as error:
            raise TaskFailed("States.QueryEvaluationError", f"{value}: {error}") from error
        if found is None:
            raise TaskFailed("States.QueryEvaluationError", f"{value} is undefined in {self._state}")
        return _from_jsonata(found)


def _names(handler: dict[str, Any], error: str) -> bool:
    listed = handler["ErrorEquals"]
    return error in listed or "States.ALL" in listed or ("States.TaskFailed" in listed and error != "States.Timeout")


def _cause(error: str, message: str) -> str:
    return json.dumps({"errorType": error, "errorMessage": message})
