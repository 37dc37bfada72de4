"""Reads the executions of the stack's admission state machine from Step Functions."""

import re
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from msgspec import Struct

from gatehouse.console import graph, history
from gatehouse.console.errors import NotOurs
from gatehouse.console.history import Event, Line, Taken, Visit
from gatehouse.console.payloads import of_event
from gatehouse.stack import objects
from gatehouse.stack.target import Target
from workflows.evidence.record import is_of_execution

_MOST = 100
_RECORDS = "records/"


class Execution(Struct, frozen=True, kw_only=True):
    """One execution, from DescribeExecution and its history. `certificate_id` is from the event and not verified."""

    arn: str
    name: str
    status: str
    started_at: datetime
    stopped_at: datetime | None
    error: str | None
    cause: str | None
    redrivable: bool
    redrives: int
    certificate_id: str | None
    visits: tuple[Visit, ...]
    taken: tuple[Taken, ...]
    lines: tuple[Line, ...]


class Listed(Struct, frozen=True, kw_only=True):
    """One line of the list of executions. Executions without an admission, such as duplicates, are listed too."""

    arn: str
    name: str
    status: str
    started_at: datetime
    stopped_at: datetime | None
    redrives: int


def require_ours(target: Target, arn: str) -> str:
    """Returns the ARN if it is an execution of this stack's state machine. Raises `NotOurs` otherwise."""
    ours = target.output("StateMachineArn").replace(":stateMachine:", ":execution:", 1) + ":"
    if not arn.startswith(ours) or len(arn) > len(ours) + 80:
        raise NotOurs(f"Got {arn[:200]!r}; expected an execution of this stack: {ours}…")
    return arn


def events(target: Target, arn: str) -> list[Event]:
    """The whole history, oldest event first."""
    pages = target.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=arn)
    return [event for page in pages for event in page["events"]]


def certificate_of(target: Target, arn: str) -> str:
    """The certificate of an execution. Raises `NotOurs` if it was not started by a registration event."""
    found = _certificate_of(events(target, arn))
    if found is None or not re.fullmatch(r"[0-9a-f]{64}", found):
        raise NotOurs(f"{arn[:200]} was not started by the registration of a certificate.")
    return found


def read(target: Target, arn: str, events: Sequence[Event]) -> Execution:
    """The execution with this history."""
    found = target.client("stepfunctions").describe_execution(executionArn=arn)
    run = history.read(events)
    return Execution(
        arn=arn,
        name=found["name"],
        status=found["status"],
        started_at=found["startDate"],
        stopped_at=found.get("stopDate"),
        error=found.get("error"),
        cause=found.get("cause"),
        redrivable=found.get("redriveStatus") == "REDRIVABLE",
        redrives=found.get("redriveCount", 0),
        certificate_id=_certificate_of(events),
        visits=run.visits,
        taken=run.taken,
        lines=run.lines,
    )


def definition(target: Target, arn: str | None) -> graph.Graph:
    """The definition of an execution, which may be older than the deployed one. Without `arn`, the deployed one."""
    sfn = target.client("stepfunctions")
    if arn is None:
        found = sfn.describe_state_machine(stateMachineArn=target.output("StateMachineArn"))
    else:
        found = sfn.describe_state_machine_for_execution(executionArn=arn)
    return graph.read(found["definition"])


def newest(target: Target, status: str | None) -> tuple[Listed, ...]:
    """At most 100 executions, newest first."""
    request: dict[str, Any] = {"stateMachineArn": target.output("StateMachineArn")}
    if status:
        request["statusFilter"] = status
    pages = target.client("stepfunctions").get_paginator("list_executions").paginate(**request)
    found = (execution for page in pages for execution in page["executions"])
    return tuple(
        Listed(
            arn=one["executionArn"],
            name=one["name"],
            status=one["status"],
            started_at=one["startDate"],
            stopped_at=one.get("stopDate"),
            redrives=one.get("redriveCount", 0),
        )
        for one in islice(found, _MOST)
    )


def sealed(target: Target, certificate_id: str) -> tuple[str, ...]:
    """The ARNs of all executions that sealed a record of this certificate, newest first."""
    machine = target.output("StateMachineArn").replace(":stateMachine:", ":execution:", 1)
    prefix = f"{_RECORDS}{certificate_id}/"
    listed = (one for one in objects.listing(target, "EvidenceBucket", prefix) if one[0].endswith(".json"))
    newest = sorted(listed, key=lambda one: one[1], reverse=True)
    names = (key.removeprefix(prefix).removesuffix(".json") for key, _ in newest)
    return tuple(f"{machine}:{name}" for name in islice(filter(is_of_execution, names), _MOST))


def _certificate_of(events: Sequence[Event]) -> str | None:
    first = of_event(events, 1) if events else None
    event = first.get("input") if isinstance(first, dict) else None
    name = event.get("certificateId") if isinstance(event, dict) else None
    return name if isinstance(name, str) else None
