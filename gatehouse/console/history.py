"""Reads an execution's history as visits of states: duration, attempts, result, and the transitions taken.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html. States inside a Map or
a Parallel are not distinguished.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

Status = Literal["running", "succeeded", "caught", "failed", "aborted", "timed_out"]
Event = Mapping[str, Any]

_ATTEMPTS = ("TaskScheduled", "LambdaFunctionScheduled", "ActivityScheduled")
_EXECUTION_ENDS: dict[str, Status] = {
    "ExecutionFailed": "failed",
    "ExecutionAborted": "aborted",
    "ExecutionTimedOut": "timed_out",
}


class Visit(Struct, kw_only=True):
    """One visit of a state. Times have a zone; `exited_at` is None while it lasts. `error` is that of the last attempt; None if it
    succeeded.
    """

    number: int
    state: str
    type: str
    status: Status
    entered_at: datetime
    exited_at: datetime | None = None
    attempts: int = 0
    error: str | None = None
    cause: str | None = None
    redriven: int = 0
    first_event: int
    last_event: int


class Taken(Struct, frozen=True, kw_only=True):
    """One transition that was taken. `caught`: by a Catch; otherwise by a Next or a rule of a Choice."""

    source: str
    target: str
    caught: bool


class Line(Struct, frozen=True, kw_only=True):
    """One event for the table. In milliseconds: `after` is the time since the execution started; `took` the duration of what it ends."""

    id: int
    type: str
    state: str | None
    at: datetime
    after: int
    took: int | None
    error: str | None


class Run(Struct, frozen=True, kw_only=True):
    """What `read` returns."""

    visits: tuple[Visit, ...]
    taken: tuple[Taken, ...]
    lines: tuple[Line, ...]


def read(events: Sequence[Event]) -> Run:
    """Read a history. `events` are in the order of their ids, as GetExecutionHistory returns them."""
    reader = _Reader()
    for event in events:
        reader.take(event)
    return Run(visits=tuple(reader.visits), taken=tuple(reader.taken), lines=tuple(reader.lines))


def details(event: Event) -> dict[str, Any]:
    """An event's details, which have another name in the API for each type of event."""
    return next((dict(value) for name, value in event.items() if name.endswith("EventDetails")), {})


class _Reader:
    def __init__(self) -> None:
        self.visits: list[Visit] = []
        self.taken: list[Taken] = []
        self.lines: list[Line] = []
        self._here: Visit | None = None
        self._began: datetime | None = None
        self._attempt: datetime | None = None

    def take(self, event: Event) -> None:
        kind, at = str(event["type"]), event["timestamp"]
        began = self._began = self._began or at
        said = details(event)
        took: datetime | None = None
        error = said.get("error") or ("States.Timeout" if kind.endswith("TimedOut") else None)
        if kind.endswith("StateEntered"):
            self._enter(event, said)
        elif kind == "ExecutionRedriven":
            self._reopen(event)
        elif kind in _EXECUTION_ENDS:
            took = began
            self._stop(_EXECUTION_ENDS[kind], at, error, said.get("cause"))
        elif kind == "ExecutionSucceeded":
            took = began
        elif kind in _ATTEMPTS:
            self._try(at)
        elif kind.endswith(("Succeeded", "Failed", "TimedOut")):
            took = self._attempt
            self._settle(error, said.get("cause"))
        elif kind.endswith("StateExited") and self._here:
            took = self._here.entered_at
        here = self._here
        if here is not None:
            here.last_event = event["id"]
        self.lines.append(
            Line(
                id=event["id"],
                type=kind,
                state=None if kind.startswith("Execution") or here is None else here.state,
                at=at,
                after=_milliseconds(began, at),
                took=None if took is None else _milliseconds(took, at),
                error=error,
            )
        )
        if kind.endswith("StateExited"):
            self._leave(at)

    def _enter(self, event: Event, said: dict[str, Any]) -> None:
        before = self.visits[-1] if self.visits else None
        again = before is not None and self._here is before and before.redriven > 0
        if again and before is not None and before.state == said["name"]:
            return  # entered again by a redrive: the same visit continues
        if before is not None:
            self.taken.append(Taken(source=before.state, target=said["name"], caught=before.status == "caught"))
        self._attempt = None
        self._here = Visit(
            number=len(self.visits),
            state=said["name"],
            type=str(event["type"]).removesuffix("StateEntered"),
            status="running",
            entered_at=event["timestamp"],
            first_event=event["id"],
            last_event=event["id"],
        )
        self.visits.append(self._here)

    def _reopen(self, event: Event) -> None:
        """A redrive continues where the execution stopped: https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html."""
        if not self.visits:
            return
        self._here = self.visits[-1]
        self._here.status, self._here.exited_at = "running", None
        self._here.error = self._here.cause = None
        self._here.attempts = 0
        self._here.redriven += 1
        self._here.last_event = event["id"]

    def _try(self, at: datetime) -> None:
        self._attempt = at
        if self._here:
            self._here.attempts += 1

    def _settle(self, error: str | None, cause: str | None) -> None:
        if self._here:
            self._here.error, self._here.cause = error, cause

    def _leave(self, at: datetime) -> None:
        if self._here:
            self._here.exited_at = at
            self._here.status = "caught" if self._here.error else "succeeded"
        self._here = None

    def _stop(self, status: Status, at: datetime, error: str | None, cause: str | None) -> None:
        if self._here:
            self._here.status, self._here.exited_at = status, at
            self._here.error, self._here.cause = error or self._here.error, cause or self._here.cause
        self._here = None


def _milliseconds(earlier: datetime, later: datetime) -> int:
    return round((later - earlier).total_seconds() * 1000)
