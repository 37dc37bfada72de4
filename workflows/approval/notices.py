"""Which messages about a request are due, for whom, and when: calculated from the request itself, so that no message is lost.

The next event that is due follows from the request in the table. After an event was put on the bus, a step notes it there. After a crash
between the two, the event is put again.
"""

from datetime import datetime, timedelta
from typing import Literal

from msgspec.structs import replace

from workflows.approval.quorum import may_fill, progress
from workflows.approval.request import Outcome, Request, Step, entered_under
from workflows.approval.request_history import AuditEvent

Kind = Literal["requested", "reminder", "escalation", "lapse", "approved", "rejected", "expired", "not_carried_out"]
"""``requested``: people are asked; it is never due, since *Request approval* puts its event. ``lapse``: no message; the request is
overdue and is not marked as expired yet."""

GRACE = timedelta(minutes=10)
"""After `decide_by`, the execution's own time-out (TimeoutSeconds is five minutes more) expires the request. After this, it will not."""


def due(request: Request) -> tuple[Kind, datetime] | None:
    """Returns the event to put next, and the time from which it is due; None if there is none."""
    ruling, asked_at = request.ruling, request.requested_at
    if request.status != "PENDING":
        result = _untold(request)
        return (result, request.decided_at or asked_at) if result else None
    found: list[tuple[datetime, Kind]] = [(request.decide_by + GRACE, "lapse")]
    if ruling.remind_after is not None and request.reminded_at is None:
        found.append((asked_at + timedelta(seconds=ruling.remind_after), "reminder"))
    if ruling.escalate_after is not None and request.escalated_at is None:
        found.append((asked_at + timedelta(seconds=ruling.escalate_after), "escalation"))
    moment, kind = min(found, key=lambda one: one[0])
    return kind, moment


def told(request: Request, kind: Kind, *, at: datetime) -> Step | None:
    """Returns the step that notes that the event of `kind` was put. None if it is no longer due: it was put already, or is too late."""
    following = due(request)
    if following is None or following[0] != kind or at < following[1]:
        return None
    match kind:
        case "reminder":
            after, what = replace(request, reminded_at=at), "A reminder to those who have not voted is on its way."
        case "escalation":
            after, what = (
                replace(request, escalated_at=at),
                f"{request.ruling.escalate_to} may stand in; a message to them is on its way.",
            )
        case "approved" | "rejected" | "expired" | "not_carried_out":
            after, what = replace(request, told=kind), f"A message is on its way: {kind.replace('_', ' ')}."
        case "requested" | "lapse":
            return None
    event = AuditEvent(at=at, source="remind_approvers", type="told", summary=what)
    return Step(before=request, after=replace(after, version=request.version + 1), event=event)


def groups(request: Request, kind: Kind, *, at: datetime) -> tuple[str, ...]:
    """Returns the groups that `kind` is for: those that can still fill an open place, or, for a result, all that were asked until then."""
    ruling, since = request.ruling, min(at, request.decided_at or at) - request.requested_at
    escalated = ruling.escalate_after is not None and since >= timedelta(seconds=ruling.escalate_after)
    if kind == "escalation":
        return (ruling.escalate_to,) if ruling.escalate_to else ()
    open_places = {
        part.group
        for part in progress(ruling, request.approvals, requested_at=request.requested_at)
        if request.status != "PENDING" or part.received < part.count
    }
    known = {place.group for place in ruling.requirements} | ({ruling.escalate_to} if escalated else set())
    places = [place for place in ruling.requirements if place.group in open_places]
    return tuple(
        sorted(
            group
            for group in known
            if group is not None and any(may_fill((group,), place, ruling, since=since) for place in places)
        )
    )


def left_out(request: Request, kind: Kind) -> frozenset[str]:
    """Returns subjects that need no message: for a question, people who have voted or were voted for; for a result, who decided it."""
    if request.status == "PENDING":
        counting = (vote for vote in request.votes if vote.basis_sha256 == request.basis_sha256)
        return frozenset(subject for vote in counting for subject in (vote.subject, vote.right_holder))
    return frozenset({request.votes[-1].subject} if kind in {"approved", "rejected"} and request.votes else ())


def requester(request: Request) -> str | None:
    """Returns the e-mail address of the person who entered the device, if one of their names is an address."""
    addresses = (name for name in entered_under(request) if "@" in name and not set(name) & set(" /<>()"))
    return next(addresses, None)


def outcome(request: Request) -> Outcome | None:
    """Returns the request's result in its current state; None while it is open."""
    if request.resume_state == "LOST":
        return "not_carried_out"
    match request.status:
        case "APPROVED":
            return "approved"
        case "REJECTED":
            return "rejected"
        case "EXPIRED":
            return "expired"
        case "PENDING":
            return None


def _untold(request: Request) -> Outcome | None:
    """Returns the result that has no message yet. If it is carried out later after all, the admission's own message says that."""
    result = outcome(request)
    if result == "not_carried_out":
        return result if request.told != result else None
    return result if request.told is None else None
