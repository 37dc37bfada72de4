"""The admission that an operator acts on: its current state, and what the act changes."""

from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from functions.shared import certificates, clock, things
from functions.shared.admissions.operators import LEARNED, NOBODY
from functions.shared.aws import client, translated
from functions.shared.chains import Head
from functions.shared.inventory import Inventory
from workflows.admission.contracts import Execution
from workflows.admission.errors import CertificateUnknown
from workflows.admission.inventory import Binding
from workflows.errors import WillNeverWork
from workflows.evidence.acts import GONE, Ask, Standing
from workflows.evidence.record import Change

_REDRIVABLE = ("FAILED", "TIMED_OUT", "ABORTED")


class ExecutionNotRedriven(WillNeverWork):
    """AWS refused the redrive. The act is sealed; the audit trail says that it failed."""


class State(Struct, frozen=True, kw_only=True):
    """`standing` is None if there is no admission. `execution` is set for a redrive, `binding` for an unbinding."""

    standing: Standing | None
    execution: Execution | None = None
    binding: Binding | None = None


def state_of(ask: Ask, head: Head | None, inventory: Inventory) -> State:
    """Returns what the act depends on, from AWS. Raises `AwsUnavailable`, `AccessRefused`."""
    if head is None:
        return State(standing=None)
    known: dict[str, Any] = {"execution_arn": head.execution_arn, "outcome": head.outcome, "closed_by": head.closed_by}
    if ask.act == "forget" and head.outcome != "open":
        with suppress(CertificateUnknown):  # AWS IoT must no longer have it before it may be forgotten
            known["certificate_status"] = certificates.status_of(ask.certificate_id)
    if ask.device is not None:
        return _standing_of_binding(ask, ask.device, known, inventory)
    if (ask.act != "redrive" and head.outcome != "open") or head.execution_arn != ask.execution_arn:
        return State(standing=Standing(**known))
    answer = _execution(head.execution_arn)
    if answer is None:
        return State(standing=Standing(**known, execution_status=GONE))
    redrivable = answer["status"] in _REDRIVABLE and answer.get("redriveStatus") != "NOT_REDRIVABLE"
    execution = Execution(arn=head.execution_arn, name=answer["name"], started_at=answer["startDate"])
    standing = Standing(**known, execution_status=_why(answer), redrivable=redrivable)
    return State(standing=standing, execution=execution)


def _standing_of_binding(ask: Ask, device: str, known: dict[str, Any], inventory: Inventory) -> State:
    binding = inventory.binding(device)
    bound = binding is not None and binding.bound_certificate_id == ask.certificate_id
    attached = any(one.endswith(f":cert/{ask.certificate_id}") for one in things.principals(device))
    return State(standing=Standing(**known, bound=bound, attached=attached), binding=binding)


def change(ask: Ask, head: Head, state: State, signed_at: datetime) -> Change:
    """Returns the values before and after the act. Times are from its signature, so that a repeat gives the same and finds its record."""
    now = clock.milliseconds(signed_at)
    before: dict[str, Any] = {"outcome": head.outcome, "execution_arn": head.execution_arn}
    match ask.act:
        case "redrive":
            status = state.standing.execution_status if state.standing else None
            return Change(
                before=before | {"execution_status": status},
                after={"execution_status": "redriven"},
                execution=state.execution,
            )
        case "forget":
            after = {"execution_arn": NOBODY, "reopen_at": now, "forgotten": LEARNED.split(", ")}
            return Change(before=before | {"reopen_at": head.reopen_at}, after=after)
        case "unbind":
            bound_at = state.binding and msgspec.to_builtins(state.binding.bound_at)
            bound = {"bound_certificate_id": ask.certificate_id, "bound_at": bound_at}
            return Change(before=before | bound, after={"bound_certificate_id": None})
    before |= {"reopen_at": head.reopen_at}
    if head.outcome != "open":
        return Change(before=before, after={"reopen_at": now})
    status = state.standing.execution_status if state.standing else None
    reason = f"closed by an operator: its execution is {status}, and nothing had told so"
    return Change(
        before=before | {"execution_status": status}, after={"outcome": "failed", "reason": reason, "reopen_at": now}
    )


def redrive(ask: Ask) -> None:
    """Raises `ExecutionNotRedriven`, `AwsUnavailable`, `AccessRefused`.

    https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html: within 14 days of the failure.
    """
    with translated(
        ExecutionNotRedrivable=ExecutionNotRedriven,
        ExecutionDoesNotExist=ExecutionNotRedriven,
        ExecutionLimitExceeded=ExecutionNotRedriven,
    ):
        client("stepfunctions").redrive_execution(executionArn=ask.execution_arn, clientToken=ask.id)


def _execution(arn: str) -> Any | None:
    try:
        with translated(ExecutionDoesNotExist=ExecutionNotRedriven, InvalidArn=ExecutionNotRedriven):
            return client("stepfunctions").describe_execution(executionArn=arn)
    except ExecutionNotRedriven:
        return None


def _why(answer: Any) -> str:
    reason = answer.get("redriveStatusReason")
    return f"{answer['status']}, {reason}" if reason else str(answer["status"])
