"""What is said when an admission has ended: a message for people, an event for programs.

Names and reasons may carry the device's own words: everything is cut to one line of visible characters first.
"""

from datetime import datetime

from msgspec import Struct

from workflows.admission.contracts import Dossier, NotifyInput, Outcome
from workflows.admission.errors import CertificateChanged
from workflows.admission.failure import SUPERSEDED, EndedBadly
from workflows.approval.wording import plain
from workflows.moments import Moment
from workflows.visible import visible

DETAIL_TYPE = "Admission ended"
_SUBJECT_LENGTH = 99
"""SNS takes less than 100 (https://docs.aws.amazon.com/sns/latest/api/API_Publish.html)."""
"""Characters, ASCII (SNS API reference, Publish)."""


class Message(Struct, frozen=True, kw_only=True):
    """`subject` is ASCII, one line, at most 99 characters."""

    subject: str
    text: str


class AdmissionEnded(Struct, frozen=True, kw_only=True):
    """Detail of the EventBridge event. It may come twice: `execution_arn` tells one end from another."""

    outcome: Outcome
    reason: str
    certificate_id: str
    ca_certificate_id: str
    device: str | None
    thing_name: str | None
    policy_name: str | None
    replaced_certificate_id: str | None
    execution_arn: str
    evidence_key: str
    evidence_sha256: str
    ended_at: Moment
    reopen_at: Moment | None
    trial: bool = False


def event(ended: NotifyInput) -> AdmissionEnded:
    """The event for programs."""
    dossier, seal = ended.dossier, ended.seal
    activation = dossier.activation
    return AdmissionEnded(
        outcome=ended.outcome,
        reason=line(ended.reason),
        certificate_id=dossier.claim.certificate_id,
        ca_certificate_id=dossier.claim.ca_certificate_id,
        device=_device(dossier),
        thing_name=activation.thing_name if activation else None,
        policy_name=dossier.policy.policy_name if dossier.policy else None,
        replaced_certificate_id=activation.replaced_certificate_id if activation else None,
        execution_arn=ended.execution.arn,
        evidence_key=seal.evidence_key,
        evidence_sha256=seal.evidence_sha256,
        ended_at=seal.sealed_at,
        reopen_at=seal.reopen_at,
        trial=seal.trial,
    )


def message(ended: NotifyInput) -> Message:
    """The message for people: what happened, why, what to do next, and where the proof lies."""
    dossier, seal = ended.dossier, ended.seal
    certificate_id = dossier.claim.certificate_id
    facts = dossier.certificate.facts if dossier.certificate else None
    who = _device(dossier) or "Unknown device"
    parts = [
        f"{who}: {ended.outcome}.",
        f"Why: {line(ended.reason)}",
        f"What next: {_next(ended)}",
        "\n".join(
            [
                f"Certificate: {certificate_id}",
                f"Subject:     {plain(facts.subject, 200) if facts else 'not readable'}",
                f"Execution:   {ended.execution.arn}",
                f"Evidence:    {seal.evidence_key}",
                f"             SHA-256 {seal.evidence_sha256}",
            ]
        ),
    ]
    return Message(subject=subject(who, ended.outcome, certificate_id), text="\n\n".join(parts) + "\n")


def failed(ended: EndedBadly, certificate_id: str | None, reopen_at: datetime | None) -> Message:
    """The alarm for an execution that did not come to an end of its own. `certificate_id` is None if it had no admission."""
    who = f"Execution {ended.name}"
    if certificate_id is None:
        then = "It had no admission. Find out what started it: only start_admissions should start executions."
    elif ended.error == SUPERSEDED:
        then = (
            "Nothing has to be done: another execution has taken the certificate over, or it was revoked meanwhile. "
            "This one changed nothing more."
        )
    else:
        then = "Correct the fault and redrive the execution within 14 days: it goes on where it stands."
        if reopen_at is not None:
            then += f" If nobody does, the device's first attempt to connect after {_time(reopen_at)} starts a new admission."
    parts = [
        f"{who}: {_spoken(ended.status)}.",
        f"Why: {line(ended.fault)}",
        f"What next: {then}",
        f"Certificate: {certificate_id or 'none'}\nExecution:   {ended.execution_arn}",
    ]
    return Message(subject=subject(who, _spoken(ended.status), certificate_id), text="\n\n".join(parts) + "\n")


def subject(who: str, outcome: str, certificate_id: str | None) -> str:
    """The message's subject."""
    tail = f" (certificate {certificate_id[:8]})" if certificate_id else ""
    said = f"Gatehouse: {plain(who, 60)} {outcome}{tail}"
    return said.encode("ascii", "replace").decode()[:_SUBJECT_LENGTH]


def line(text: str, limit: int = 2000) -> str:
    """`text` on one line, cut, with everything invisible or direction-changing replaced by its escape."""
    return visible(text[:limit]) + ("…" if len(text) > limit else "")


def _device(dossier: Dossier) -> str | None:
    """The device as the inventory calls it; failing that, the name in its certificate, which is only its own word."""
    if dossier.device and dossier.device.record:
        return plain(dossier.device.record.device, 128)
    facts = dossier.certificate.facts if dossier.certificate else None
    return plain(facts.common_name) if facts and facts.common_name else None


def _next(ended: NotifyInput) -> str:
    dossier, reopen_at = ended.dossier, ended.seal.reopen_at
    match ended.outcome:
        case "admitted":
            old = dossier.activation.replaced_certificate_id if dossier.activation else None
            replaced = (
                f" It replaces certificate {old}, whose status was not changed: deactivate it once the device has moved."
                if old
                else ""
            )
            return (
                "The device may connect. A new policy takes 6 to 8 minutes to be in force everywhere: "
                f"until then it may be refused, and must keep trying.{replaced}"
            )
        case "refused":
            return _next_if_refused(dossier)
        case "held":
            when = f"its first attempt to connect after {_time(reopen_at)}" if reopen_at else "nothing"
            return (
                "The certificate keeps the status it has in AWS IoT. Correct what is named above; "
                f"while the certificate is pending, {when} starts a new admission."
            )
        case "failed":
            if dossier.fault and dossier.fault.error == CertificateChanged.__name__:
                return "The certificate is set REVOKED. To admit the device, issue it a new one."
            undone = "; ".join(dossier.roll_back.undone) if dossier.roll_back else ""
            when = (
                f"its first attempt to connect after {_time(reopen_at)}" if reopen_at else "its next attempt to connect"
            )
            return (
                f"What had been done was taken back ({line(undone) or 'nothing had been'}). Correct what AWS refused, then delete the "
                f"certificate in AWS IoT: the device registers it again, and {when} starts a new admission."
            )


def _next_if_refused(dossier: Dossier) -> str:
    note = f" {line(dossier.refusal.note)}" if dossier.refusal and dossier.refusal.note else ""
    if dossier.refusal and dossier.refusal.certificate_status == "REVOKED":
        return f"The certificate is REVOKED. To admit the device, issue it a new one.{note}"
    return (
        "The certificate is INACTIVE: the device can neither connect nor knock. If that is wrong, correct the cause, delete the "
        f"certificate in AWS IoT, and then run `gatehouse admissions forget {dossier.claim.certificate_id}`: "
        f"only then does the device's next connection start a new admission.{note}"
    )


def _spoken(status: str) -> str:
    return status.lower().replace("_", " ")


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
