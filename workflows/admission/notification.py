"""What is said when an admission or an execution has ended: an event, and the message that people are told it with.

Names and reasons may carry the device's own words, and events may be put by others in the account: both are cut to one line of visible
characters, where the event is made and where the message is.
"""

from datetime import datetime

from workflows.admission.contracts import Dossier, NotifyInput
from workflows.admission.errors import CertificateChanged
from workflows.admission.failure import SUPERSEDED, EndedBadly
from workflows.events import AdmissionEnded, ExecutionFailed
from workflows.message import Message, as_of, line, subject_line
from workflows.text import harmless

_WHOLE = 20_000
"""Characters of a text that an event has cut already: escapes have made it longer."""


def event(ended: NotifyInput) -> AdmissionEnded:
    """The end of an admission, as its execution knows it."""
    dossier, seal = ended.dossier, ended.seal
    activation = dossier.activation
    facts = dossier.certificate.facts if dossier.certificate else None
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
        subject=harmless(facts.subject, 200) if facts else None,
        what_next=_next(ended),
    )


def message(ended: AdmissionEnded) -> Message:
    """What happened, why, what to do next, and where the proof lies."""
    who = harmless(ended.device, 128) if ended.device else "Unknown device"
    parts = [
        f"{as_of(ended.ended_at)}{who}: {ended.outcome}.",
        f"Why: {line(ended.reason, _WHOLE)}",
        f"What next: {line(ended.what_next, _WHOLE)}",
        "\n".join(
            [
                f"Certificate: {line(ended.certificate_id)}",
                f"Subject:     {harmless(ended.subject, 200) if ended.subject is not None else 'not readable'}",
                f"Execution:   {line(ended.execution_arn)}",
                f"Evidence:    {line(ended.evidence_key)}",
                f"             SHA-256 {line(ended.evidence_sha256)}",
            ]
        ),
    ]
    return Message(
        subject=subject(who, ended.outcome, ended.certificate_id),
        text="\n\n".join(parts) + "\n",
        kind=f"admission_{ended.outcome}",
    )


def failed(
    ended: EndedBadly, certificate_id: str | None, reopen_at: datetime | None, *, at: datetime
) -> ExecutionFailed:
    """An execution that did not come to an end of its own. `certificate_id` is None if it had no admission."""
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
    return ExecutionFailed(
        execution_arn=ended.execution_arn,
        execution_name=ended.name,
        status=ended.status,
        fault=line(ended.fault),
        certificate_id=certificate_id,
        reopen_at=reopen_at,
        what_next=then,
        at=at,
    )


def failure_message(failure: ExecutionFailed) -> Message:
    """What failed, why, and what to do next."""
    who = f"Execution {line(failure.execution_name)}"
    status = failure.status.lower().replace("_", " ")
    parts = [
        f"{as_of(failure.at)}{who}: {status}.",
        f"Why: {line(failure.fault, _WHOLE)}",
        f"What next: {line(failure.what_next, _WHOLE)}",
        f"Certificate: {line(failure.certificate_id or 'none')}\nExecution:   {line(failure.execution_arn)}",
    ]
    return Message(
        subject=subject(who, status, failure.certificate_id),
        text="\n\n".join(parts) + "\n",
        kind="execution_failed",
    )


def subject(who: str, outcome: str, certificate_id: str | None) -> str:
    """The message's subject."""
    tail = f" (certificate {line(certificate_id[:8])})" if certificate_id else ""
    return subject_line(f"Gatehouse: {harmless(who, 60)} {outcome}{tail}")


def _device(dossier: Dossier) -> str | None:
    """The device as the inventory calls it; failing that, the name in its certificate, which is only its own word."""
    if dossier.device and dossier.device.record:
        return harmless(dossier.device.record.device, 128)
    facts = dossier.certificate.facts if dossier.certificate else None
    return harmless(facts.common_name) if facts and facts.common_name else None


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


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
