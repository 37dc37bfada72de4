"""The sentences that people read about a request: the same in mail, on the page and on the command line."""

from datetime import datetime, timedelta

from workflows.admission.contracts import CertificateFacts, DeviceDecision
from workflows.approval.quorum import progress
from workflows.approval.request import Request
from workflows.message import as_of, subject_line
from workflows.revocation.verdict import Verdict
from workflows.text import harmless

HEADS = {
    "requested": "Approval needed",
    "reminder": "Still waiting for you",
    "escalation": "You may stand in",
    "approved": "Approved",
    "rejected": "Rejected",
    "expired": "Expired",
    "not_carried_out": "Decided, not carried out",
}
"""The beginning of a mail's subject, by kind (see `workflows.approval.notices`)."""

LEADS = {
    "reminder": "You have not voted on this yet.",
    "escalation": "The people who were asked have not decided in time, so you may stand in for any of them.",
}
"""The text below the first sentence of a mail that asks for a decision."""


def remaining(left: timedelta) -> str:
    """Returns a span of time in its two largest units: ``2 d 4 h``, ``3 h 12 min``, ``45 s``."""
    seconds = max(0, int(left.total_seconds()))
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{seconds} s"


def sentence(request: Request, *, at: datetime) -> str:
    """Returns what is asked, of whom, the votes so far, and the time left: the first sentence about a request."""
    place = f", {harmless(request.site)}" if request.site else ""
    head = f"Activate certificate {request.certificate_id[:8]}\N{HORIZONTAL ELLIPSIS} for {harmless(request.device)}{place}."
    parts = progress(request.ruling, request.approvals, requested_at=request.requested_at)
    asked = " and ".join(f"{part.count} of {part.group}" for part in parts)
    received, needed = sum(part.received for part in parts), sum(part.count for part in parts)
    match request.status:
        case "PENDING" if at < request.decide_by:
            return f"{head} Needs {asked}; {received} of {needed} received; expires in {remaining(request.decide_by - at)}."
        case "PENDING" | "EXPIRED":
            return f"{head} Needed {asked}; {received} of {needed} received; expired."
        case "APPROVED":
            undone = " and not carried out" if request.resume_state == "LOST" else ""
            return f"{head} Approved{undone}."
        case "REJECTED":
            return f"{head} Rejected."


def subject(what: str, request: Request) -> str:
    """Returns the subject of a message about a request."""
    return subject_line(f"{what}: {harmless(request.device, 40)}, certificate {request.certificate_id[:8]}")


def checks(certificate: CertificateFacts, revocation: Verdict, device: DeviceDecision) -> tuple[str, ...]:
    """Returns a short summary of the checks, one line for each."""
    found = ", ".join(finding.replace("_", " ") for finding in device.findings) or "nothing unusual"
    number = f" (list number {revocation.governing.number})" if revocation.governing else ""
    return (
        f"Revocation: {revocation.status}{number}",
        f"Inventory: matched by {device.matched_by or 'nothing'}; found: {found}",
        f"Subject: {harmless(certificate.subject, 128)}",
        f"Valid: {certificate.not_before:%Y-%m-%d} to {certificate.not_after:%Y-%m-%d}",
    )


def message(request: Request, lines: tuple[str, ...], link: str, *, at: datetime, lead: str | None = None) -> str:
    """Returns the mail: the sentence as of `at`, its reason (`lead`), a summary of the checks, the expiry, and one link to the page."""
    rule = f"Asked by rule {request.ruling.rule_id}, version {harmless(request.ruling.rule_version)}."
    expiry = f"Decide by {request.decide_by:%Y-%m-%d %H:%M} UTC."
    head = (as_of(at) + sentence(request, at=at), *((lead,) if lead else ()))
    return "\n".join((*head, "", *lines, "", rule, expiry, "", "Read it and decide, signed in:", link, ""))


def result(request: Request, link: str, *, at: datetime) -> str:
    """Returns the mail about the result of a request: the sentence as of `at`, who decided, what follows, and one link."""
    if request.resume_state == "LOST":
        follows = f"It was not carried out: {harmless(request.lost_because or 'nobody knows why', 300)}"
    elif request.status == "APPROVED":
        follows = (
            "Before the certificate is activated, revocation list and inventory are checked again. "
            f"It has to be carried out by {request.execute_by:%Y-%m-%d %H:%M} UTC."
        )
    elif request.status == "REJECTED":
        follows = "The certificate is set INACTIVE."
    else:
        follows = "The device is held: the certificate stays pending, and a later connection asks again."
    said = tuple(f"Reason: {harmless(vote.reason, 300)}" for vote in request.votes[-1:] if vote.reason)
    return "\n".join((as_of(at) + sentence(request, at=at), "", *_who(request), *said, follows, "", link, ""))


def _who(request: Request) -> tuple[str, ...]:
    """Returns a line for each signature: who signed what."""
    return tuple(
        f"{'Approved' if vote.decision == 'approve' else 'Rejected'} by {harmless(vote.name)}"
        + (f" on behalf of {harmless(vote.on_behalf_of.name)}" if vote.on_behalf_of else "")
        + f" ({', '.join(harmless(group) for group in vote.groups)}), {vote.voted_at:%Y-%m-%d %H:%M:%S} UTC."
        for vote in request.votes
        if vote.basis_sha256 == request.basis_sha256
    )
