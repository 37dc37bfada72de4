"""Where AWS IoT, Step Functions and Gatehouse's tables must agree, and the finding if they do not.

Each rule compares two sources and returns what is wrong, or None. No rule repairs anything: a person decides about a finding.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, get_args

from msgspec import Struct

from workflows.admission.failure import BADLY, LIVE
from workflows.approval.request import Request
from workflows.evidence.record import is_of_act
from workflows.moments import Moment

Kind = Literal[
    "pending_without_admission",
    "open_without_execution",
    "decision_not_carried_out",
    "not_returned",
    "active_without_decision",
    "active_without_policy",
    "bound_without_certificate",
    "orphan_thing",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

GRACE = timedelta(minutes=15)
"""Younger differences may be normal: an event, a stream or an execution will remove them."""


class Finding(Struct, frozen=True, kw_only=True):
    """`subject` is a certificate id, an approval id, or a device (also its thing's name). `kind` and `subject` identify the finding."""

    kind: Kind
    subject: str
    device: str | None = None
    detail: str


class Row(Struct, frozen=True, kw_only=True):
    """The fields of an admission that the rules need."""

    certificate_id: str
    outcome: str
    execution_arn: str = ""
    claimed_at: Moment | None = None
    closed_at: Moment | None = None
    device: str | None = None
    revoked_by: str | None = None
    awaited_since: Moment | None = None
    execution_name: str = ""
    evidence_key: str | None = None


def is_unheard(row: Row, status: str | None, ended_at: datetime | None, at: datetime) -> bool:
    """Whether the event that should have closed an open admission was lost: its execution ended badly long enough ago."""
    return row.outcome == "open" and status in BADLY and ended_at is not None and at - ended_at >= GRACE


def is_unsealed(row: Row, at: datetime) -> bool:
    """Whether a failure is in the table and was not sealed: the certificate's latest record is of another execution.

    An operator's act or a revocation after it settles this: the chain continues from there.
    """
    if row.outcome != "failed" or not row.execution_name or row.closed_at is None or at - row.closed_at < GRACE:
        return False
    name = (row.evidence_key or "").rpartition("/")[2]
    return not name.startswith(row.execution_name) and not is_of_act(name)


def of_open(row: Row, status: str | None, ended_at: datetime | None, at: datetime) -> Finding | None:
    """An admission is open, so its execution must run. `status` is the execution's, None if Step Functions does not know it."""
    if row.outcome != "open" or status in LIVE or (ended_at is not None and at - ended_at < 2 * GRACE):
        return None  # a failure without event is handled again after `GRACE`: see `is_unheard`
    became = "unknown to Step Functions" if status is None else status
    return Finding(
        kind="open_without_execution",
        subject=row.certificate_id,
        device=row.device,
        detail=f"open, but its execution {row.execution_arn.rpartition(':')[2]} is {became}: no knock starts another",
    )


def of_decision(request: Request, at: datetime) -> Finding | None:
    """People's decision must reach its execution."""
    if request.resume_state == "LOST":
        detail = f"{request.status}, and not carried out: {request.lost_because or 'its execution is gone'}"
    elif request.resume_state == "OWED" and request.decided_at is not None and at - request.decided_at >= GRACE:
        detail = f"{request.status} at {request.decided_at:%Y-%m-%d %H:%M}Z, and not handed to its execution since"
    else:
        return None
    return Finding(kind="decision_not_carried_out", subject=request.approval_id, device=request.device, detail=detail)


def of_return(row: Row, at: datetime, within: timedelta) -> Finding | None:
    """An admitted device must connect again."""
    if row.awaited_since is None or at - row.awaited_since < within:
        return None
    return Finding(
        kind="not_returned",
        subject=row.certificate_id,
        device=row.device,
        detail=f"may connect since {row.awaited_since:%Y-%m-%d %H:%M}Z, and has not done so",
    )


def of_pending(certificate_id: str, registered_at: datetime, row: Row | None, at: datetime) -> Finding | None:
    """A certificate of our CA waits for its activation, so its device has knocked, and there must be an admission.

    AWS IoT publishes the event again on each connection attempt, so one lost event does no harm; here all were lost.
    """
    if row is not None or at - registered_at < GRACE:
        return None
    return Finding(
        kind="pending_without_admission",
        subject=certificate_id,
        detail=f"PENDING_ACTIVATION since {registered_at:%Y-%m-%d %H:%M}Z, and no admission knows of it: no knock has come through",
    )


def asks_policies(row: Row, *, selected: bool) -> bool:
    """Whether the rule for an ACTIVE certificate needs its policies, which cost one call.

    `selected`: this round asks for it. Failed admissions, which are few, are asked for in every round.
    """
    return row.revoked_by is None and (row.outcome == "failed" or (row.outcome == "admitted" and selected))


def of_active(certificate_id: str, row: Row | None, policies: Sequence[str] | None) -> Finding | None:
    """A certificate of our CA is ACTIVE, so it must have been admitted, and have a policy.

    `policies` are the names of the attached ones; None if they were not read, or the certificate no longer exists.
    """
    device = None if row is None else row.device
    if row is not None and (row.outcome == "open" or row.revoked_by is not None):
        return None  # not finished, or the sweep will revoke it
    if row is None or row.outcome not in ("admitted", "failed"):
        stands = "it never knocked" if row is None else f"its admission is {row.outcome}"
        return Finding(
            kind="active_without_decision",
            subject=certificate_id,
            device=device,
            detail=f"ACTIVE in AWS IoT, but {stands}",
        )
    if policies is None:
        return None
    if not policies:
        return Finding(
            kind="active_without_policy",
            subject=certificate_id,
            device=device,
            detail=f"ACTIVE and {row.outcome}, with no policy attached: it can do nothing",
        )
    if row.outcome == "failed":
        return Finding(
            kind="active_without_decision",
            subject=certificate_id,
            device=device,
            detail=f"ACTIVE with {', '.join(policies)}, but its admission failed before it was sealed",
        )
    return None


def of_binding(
    device: str, certificate_id: str, bound_at: datetime, principals: Sequence[str] | None, at: datetime
) -> Finding | None:
    """A device is bound to a certificate, so its thing must hold that certificate. `principals`: None if there is no such thing."""
    held = any(principal.endswith(f":cert/{certificate_id}") for principal in principals or ())
    if held or at - bound_at < GRACE:
        return None
    lacks = "there is no such thing" if principals is None else "its thing does not hold it"
    return Finding(
        kind="bound_without_certificate",
        subject=device,
        device=device,
        detail=f"bound to certificate {certificate_id}, but {lacks}",
    )


def of_thing(name: str, newest: Row | None, principals: Sequence[str]) -> Finding | None:
    """A thing of an unbound device. If an admission names it, Gatehouse made it; other things are not judged."""
    if newest is None or newest.outcome == "open" or principals:
        return None
    return Finding(
        kind="orphan_thing",
        subject=name,
        device=name,
        detail=f"a thing without certificate; its last admission is {newest.outcome}",
    )
