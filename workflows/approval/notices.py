"""Who has to be told what of a request, and when: worked out from the request itself, so that no message is lost and none is sent twice.

The next message that is due is a function of what stands in the table, and having sent it is a step like any other. Whoever sends it
dies between the two at worst, and then it is sent again.
"""

from datetime import datetime, timedelta
from typing import Literal

from msgspec.structs import replace

from workflows.approval.quorum import may_fill, progress
from workflows.approval.request import Request, Step, entered_under
from workflows.approval.request_history import AuditEvent

Kind = Literal["asked", "reminder", "escalation", "lapse", "approved", "rejected", "expired", "not_carried_out"]
"""``asked``: the first mail to each person. ``lapse``: nobody is told; the request is overdue and nobody has said so."""

Outcome = Literal["approved", "rejected", "expired", "not_carried_out"]

GRACE = timedelta(minutes=10)
"""After `decide_by`, the execution's own time-out (TimeoutSeconds is five minutes more) expires the request. Later, nobody will."""


def due(request: Request) -> tuple[Kind, datetime] | None:
    """What has to be told next, and from when on; None if everything is told."""
    ruling, asked_at = request.ruling, request.requested_at
    if request.status != "PENDING":
        outcome = _untold(request)
        return (outcome, request.decided_at or asked_at) if outcome else None
    found: list[tuple[datetime, Kind]] = [(request.decide_by + GRACE, "lapse")]
    if request.tell_each and request.each_told_at is None:
        found.append((asked_at, "asked"))
    if ruling.remind_after is not None and request.reminded_at is None:
        found.append((asked_at + timedelta(seconds=ruling.remind_after), "reminder"))
    if ruling.escalate_after is not None and request.escalated_at is None:
        found.append((asked_at + timedelta(seconds=ruling.escalate_after), "escalation"))
    moment, kind = min(found, key=lambda one: one[0])
    return kind, moment


def told(request: Request, kind: Kind, *, at: datetime) -> Step | None:
    """`kind` was sent. None if it is no longer what is due: somebody else sent it, or it is too late for it."""
    following = due(request)
    if following is None or following[0] != kind or at < following[1]:
        return None
    match kind:
        case "asked":
            after, what = replace(request, each_told_at=at), "Each of the approvers was sent a mail."
        case "reminder":
            after, what = replace(request, reminded_at=at), "Those who have not voted were reminded."
        case "escalation":
            after, what = (
                replace(request, escalated_at=at),
                f"{request.ruling.escalate_to} may stand in, and was told so.",
            )
        case "lapse":
            return None
        case _:
            after, what = replace(request, told=kind), f"The result was sent: {kind.replace('_', ' ')}."
    event = AuditEvent(at=at, source="remind_approvers", type="told", summary=what)
    return Step(before=request, after=replace(after, version=request.version + 1), event=event)


def groups(request: Request, kind: Kind, *, at: datetime) -> tuple[str, ...]:
    """Whose members `kind` is for: those that can still fill an open place, or, of a result, all that were asked."""
    ruling, since = request.ruling, at - request.requested_at
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
    """Subjects that need no message: of a question, whoever has voted or been voted for; of a result, whoever decided it."""
    if request.status == "PENDING":
        counting = (vote for vote in request.votes if vote.basis_sha256 == request.basis_sha256)
        return frozenset(subject for vote in counting for subject in (vote.subject, vote.right_holder))
    return frozenset({request.votes[-1].subject} if kind in {"approved", "rejected"} and request.votes else ())


def requester(request: Request) -> str | None:
    """The e-mail address of whoever entered the device, if one of their names is one."""
    addresses = (name for name in entered_under(request) if "@" in name and not set(name) & set(" /<>()"))
    return next(addresses, None)


def _untold(request: Request) -> Outcome | None:
    """The result that nobody was told yet. One that is carried out after all is not told again: what admits the device tells that."""
    if request.resume_state == "LOST":
        return "not_carried_out" if request.told != "not_carried_out" else None
    if request.told is not None:
        return None
    match request.status:
        case "APPROVED":
            return "approved"
        case "REJECTED":
            return "rejected"
    return "expired"
