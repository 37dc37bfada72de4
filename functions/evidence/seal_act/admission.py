"""The admission that an operator acts on: how it stands, and what the act changes."""

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
    """AWS would not redrive it after all. The act is sealed; the trail says that it failed."""


class Found(Struct, frozen=True, kw_only=True):
    """`found` is None if there is no admission; `execution` is that of a redrive, `binding` what is to be undone."""

    found: Standing | None
    execution: Execution | None = None
    binding: Binding | None = None


def standing(ask: Ask, head: Head | None, inventory: Inventory) -> Found:
    """What the act depends on, as AWS has it now. Raises `AwsUnavailable`, `AccessRefused`."""
    if head is None:
        return Found(found=None)
    told: dict[str, Any] = {"execution_arn": head.execution_arn, "outcome": head.outcome, "closed_by": head.closed_by}
    if ask.act == "forget" and head.outcome != "open":
        with suppress(CertificateUnknown):  # AWS IoT has it no more, as it has to be
            told["certificate_status"] = certificates.status_of(ask.certificate_id)
    if ask.device is not None:
        return _standing_of_binding(ask, ask.device, told, inventory)
    if (ask.act != "redrive" and head.outcome != "open") or head.execution_arn != ask.execution_arn:
        return Found(found=Standing(**told))
    answer = _execution(head.execution_arn)
    if answer is None:
        return Found(found=Standing(**told, execution_status=GONE))
    redrivable = answer["status"] in _REDRIVABLE and answer.get("redriveStatus") != "NOT_REDRIVABLE"
    execution = Execution(arn=head.execution_arn, name=answer["name"], started_at=answer["startDate"])
    found = Standing(**told, execution_status=_why(answer), redrivable=redrivable)
    return Found(found=found, execution=execution)


def _standing_of_binding(ask: Ask, device: str, told: dict[str, Any], inventory: Inventory) -> Found:
    binding = inventory.binding(device)
    bound = binding is not None and binding.bound_certificate_id == ask.certificate_id
    attached = any(one.endswith(f":cert/{ask.certificate_id}") for one in things.principals(device))
    return Found(found=Standing(**told, bound=bound, attached=attached), binding=binding)


def change(ask: Ask, head: Head, standing: Found, signed_at: datetime) -> Change:
    """What the act changes, before and after. It counts from when it was signed, so that a repeat tells the same and finds its record."""
    now = clock.milliseconds(signed_at)
    before: dict[str, Any] = {"outcome": head.outcome, "execution_arn": head.execution_arn}
    match ask.act:
        case "redrive":
            status = standing.found.execution_status if standing.found else None
            return Change(
                before=before | {"execution_status": status},
                after={"execution_status": "redriven"},
                execution=standing.execution,
            )
        case "forget":
            after = {"execution_arn": NOBODY, "reopen_at": now, "forgotten": LEARNED.split(", ")}
            return Change(before=before | {"reopen_at": head.reopen_at}, after=after)
        case "unbind":
            bound_at = standing.binding and msgspec.to_builtins(standing.binding.bound_at)
            bound = {"bound_certificate_id": ask.certificate_id, "bound_at": bound_at}
            return Change(before=before | bound, after={"bound_certificate_id": None})
    before |= {"reopen_at": head.reopen_at}
    if head.outcome != "open":
        return Change(before=before, after={"reopen_at": now})
    status = standing.found.execution_status if standing.found else None
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
