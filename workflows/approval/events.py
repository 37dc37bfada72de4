"""The events of a request for approval: how each is made from the request, and what of it people have to be told when it arrives."""

from datetime import datetime
from typing import Any

from workflows import events
from workflows.approval import notices
from workflows.approval.notices import Kind
from workflows.approval.request import Request
from workflows.approval.wording import sentence
from workflows.events import ApprovalDue, ApprovalEvent, ApprovalRequested
from workflows.text import harmless

_DUE: dict[Kind, type[ApprovalDue]] = {
    "reminder": events.ApprovalReminder,
    "escalation": events.ApprovalEscalated,
    "approved": events.ApprovalDecided,
    "rejected": events.ApprovalDecided,
    "expired": events.ApprovalExpired,
    "not_carried_out": events.ApprovalNotCarriedOut,
}
_QUESTIONS: dict[type[ApprovalEvent], Kind] = {
    events.ApprovalRequested: "requested",
    events.ApprovalReminder: "reminder",
    events.ApprovalEscalated: "escalation",
}
"""What people are asked by an event; the other events tell a result."""


def requested(request: Request, checks: tuple[str, ...], link: str, *, at: datetime) -> ApprovalRequested:
    """People are asked. `checks` are those of `workflows.approval.wording.checks`; `link` is to the signed-in page."""
    return ApprovalRequested(**_common(request, link, at=at), requirements=request.ruling.requirements, checks=checks)


def due(request: Request, kind: Kind, link: str, *, at: datetime) -> ApprovalDue:
    """What `workflows.approval.notices.due` says; there is no event for ``lapse``, of which nobody is told."""
    return _DUE[kind](
        **_common(request, link, at=at),
        told=kind,
        groups=notices.groups(request, kind, at=at),
        execute_by=request.execute_by,
        because=request.lost_because,
    )


def still(kind: type[ApprovalEvent], request: Request, *, at: datetime) -> Kind | None:
    """What people have to be told of `request`, which was read after an event of this kind arrived. None: nothing any more.

    A question is told only while it is open: after that the result has an event of its own. A result is told as it stands by now: an
    approval that was not carried out meanwhile is told as that.
    """
    if kind in _QUESTIONS:
        open_still = request.status == "PENDING" and not request.overdue(at)
        return _QUESTIONS[kind] if open_still else None
    return notices.outcome(request)


def message_kind(kind: Kind) -> str:
    """The attribute of the message on the topic, such as ``approval_not_carried_out``."""
    event: type[ApprovalEvent] = ApprovalRequested if kind == "requested" else _DUE[kind]
    return event.message_kind


def _common(request: Request, link: str, *, at: datetime) -> dict[str, Any]:
    return {
        "approval_id": request.approval_id,
        "certificate_id": request.certificate_id,
        "device": harmless(request.device, 128),
        "product": harmless(request.product),
        "site": harmless(request.site),
        "rule_id": request.ruling.rule_id,
        "sentence": sentence(request, at=at),
        "status": request.status.lower(),
        "decide_by": request.decide_by,
        "link": link,
        "at": at,
    }
