"""What AWS IoT, Step Functions and Gatehouse's tables must say alike, and what it is called when they do not.

Each rule gets both sides of one thing and answers what is wrong, or None. None of them mends anything: what is found, a person decides.
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
"""What is younger is still under way: an event, a stream or an execution will bring both sides together."""


class Finding(Struct, frozen=True, kw_only=True):
    """`subject` is a certificate id, an approval id, or a device (which is its thing's name). With `kind` it names the finding."""

    kind: Kind
    subject: str
    device: str | None = None
    detail: str


class Row(Struct, frozen=True, kw_only=True):
    """As much of an admission as the rules need."""

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
    """Whether the event that would have closed an open admission must be lost: its execution ended badly long enough ago."""
    return row.outcome == "open" and status in BADLY and ended_at is not None and at - ended_at >= GRACE


def is_unsealed(row: Row, at: datetime) -> bool:
    """Whether a failure was recorded and not sealed: the certificate's latest record is of another execution.

    An operator's act or a revocation after it ends the question: the chain has gone on.
    """
    if row.outcome != "failed" or not row.execution_name or row.closed_at is None or at - row.closed_at < GRACE:
        return False
    name = (row.evidence_key or "").rpartition("/")[2]
    return not name.startswith(row.execution_name) and not is_of_act(name)


def of_open(row: Row, status: str | None, ended_at: datetime | None, at: datetime) -> Finding | None:
    """An admission is open, so its execution must run. `status` is the execution's, None if Step Functions does not know it."""
    if row.outcome != "open" or status in LIVE or (ended_at is not None and at - ended_at < 2 * GRACE):
        return None  # a failure that no event told is told once more after `GRACE`: see `is_unheard`
    became = "unknown to Step Functions" if status is None else status
    return Finding(
        kind="open_without_execution",
        subject=row.certificate_id,
        device=row.device,
        detail=f"open, but its execution {row.execution_arn.rpartition(':')[2]} is {became}: no knock starts another",
    )


def of_decision(request: Request, at: datetime) -> Finding | None:
    """What people decided must reach its execution."""
    if request.resume_state == "LOST":
        detail = f"{request.status}, and not carried out: {request.lost_because or 'its execution is gone'}"
    elif request.resume_state == "OWED" and request.decided_at is not None and at - request.decided_at >= GRACE:
        detail = f"{request.status} at {request.decided_at:%Y-%m-%d %H:%M}Z, and not handed to its execution since"
    else:
        return None
    return Finding(kind="decision_not_carried_out", subject=request.approval_id, device=request.device, detail=detail)


def of_return(row: Row, at: datetime, within: timedelta) -> Finding | None:
    """A device that was let in must come back."""
    if row.awaited_since is None or at - row.awaited_since < within:
        return None
    return Finding(
        kind="not_returned",
        subject=row.certificate_id,
        device=row.device,
        detail=f"may connect since {row.awaited_since:%Y-%m-%d %H:%M}Z, and has not",
    )


def of_pending(certificate_id: str, registered_at: datetime, row: Row | None, at: datetime) -> Finding | None:
    """A certificate of our CA waits to be activated, so its device has knocked, and an admission must know of it.

    AWS IoT publishes the event again on each connection attempt, so one event that is lost is made good; here none came through.
    """
    if row is not None or at - registered_at < GRACE:
        return None
    return Finding(
        kind="pending_without_admission",
        subject=certificate_id,
        detail=f"PENDING_ACTIVATION since {registered_at:%Y-%m-%d %H:%M}Z, and no admission knows of it: no knock has come through",
    )


def asks_policies(row: Row, *, selected: bool) -> bool:
    """Whether what becomes of an ACTIVE certificate depends on its policies: that costs a call each.

    `selected`: this round asks for it. A failed admission is asked for in every round, and there are few.
    """
    return row.revoked_by is None and (row.outcome == "failed" or (row.outcome == "admitted" and selected))


def of_active(certificate_id: str, row: Row | None, policies: Sequence[str] | None) -> Finding | None:
    """A certificate of our CA is ACTIVE, so an admission must have let it in, and a policy say what it may do.

    `policies` are the names of those attached; None if they were not asked for, or the certificate is gone by now.
    """
    device = None if row is None else row.device
    if row is not None and (row.outcome == "open" or row.revoked_by is not None):
        return None  # under way, or the sweep comes to it
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
    """A thing of an unbound device. Gatehouse made it if an admission names it; others' things are none of our business."""
    if newest is None or newest.outcome == "open" or principals:
        return None
    return Finding(
        kind="orphan_thing",
        subject=name,
        device=name,
        detail=f"a thing without certificate; its last admission is {newest.outcome}",
    )
