"""The message that somebody is asked: a mail for people, an event for chat and other programs. No token is in either."""

from functions.shared import clock
from functions.shared.approvals import Approvals
from functions.shared.messages import Messages
from workflows.admission.contracts import RequestApprovalInput
from workflows.approval import request as requests
from workflows.approval import wording
from workflows.approval.request import Request, Step, whole


def announce(
    approvals: Approvals, messages: Messages, asked: RequestApprovalInput, request: Request, approvals_url: str
) -> None:
    """Send first, then note that it was sent: a crash in between sends it twice rather than never."""
    at = whole(clock.now())
    link = f"{approvals_url}/approvals/{request.approval_id}"
    checks = wording.checks(asked.certificate, asked.revocation, asked.device)
    mail = wording.message(request, checks, link, at=at)
    messages.mail(wording.subject("Approval needed", request), mail, "approval_requested")
    messages.event(
        "Approval requested",
        wording.event(request, link, at=at) | {"requirements": request.ruling.requirements, "checks": checks},
        request.execution_arn,
    )

    def note(standing: Request) -> Step | None:
        return None if standing.announced_at else requests.announce(standing, at=at)

    approvals.change(request.approval_id, note)
