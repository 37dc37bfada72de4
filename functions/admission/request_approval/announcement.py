"""The event that people are asked for approval. It contains no task token."""

from functions.shared import clock
from functions.shared.approvals import Approvals
from functions.shared.event_bus import EventBus
from workflows.admission.contracts import RequestApprovalInput
from workflows.approval import events, wording
from workflows.approval import request as requests
from workflows.approval.request import Request, Step, whole


def announce(
    approvals: Approvals, bus: EventBus, asked: RequestApprovalInput, request: Request, approvals_url: str
) -> None:
    """Put the event first, then note it: after a crash in between, the event comes twice and is not lost."""
    at = whole(clock.now())
    checks = wording.checks(asked.certificate, asked.revocation, asked.device)
    link = f"{approvals_url}/approvals/{request.approval_id}"
    bus.put(events.requested(request, checks, link, at=at), request.execution_arn)

    def note(standing: Request) -> Step | None:
        return None if standing.announced_at else requests.announce(standing, at=at)

    approvals.change(request.approval_id, note)
