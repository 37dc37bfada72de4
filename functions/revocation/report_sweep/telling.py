"""People are told once a sweep, and only if there is something to tell."""

from functions.shared import objects
from functions.shared.messages import Messages
from workflows import stored
from workflows.admission.contracts import Execution
from workflows.admission.notification import line
from workflows.revocation.ca_revocation import AuthorityRevocation
from workflows.revocation.sweep import FindResult, Question, Report

SWEPT = "Gatehouse Sweep Ended"
RELEASED = "Gatehouse Revocation Withdrawn"
_SHOWN = 20


def questions(found: FindResult) -> list[Question]:
    """Raises `AwsUnavailable`, `AccessRefused`."""
    kept = objects.read(found.bucket, found.questions_key) if found.released else None
    return [] if kept is None else stored.read(kept.data, list[Question], most=objects.MOST)


def tell(messages: Messages, report: Report, asked: list[Question], execution: Execution) -> None:
    """Events first: programs can tell a repeat by its execution, people cannot. Raises `AwsUnavailable`."""
    messages.event(SWEPT, report, execution.arn)
    for question in asked:
        messages.event(RELEASED, question, execution.arn)
    if report.authority is not None:
        _tell_of_authority(messages, report, report.authority, execution)
    elif report.revoked or report.left:
        messages.mail(
            f"Gatehouse: list {report.list_number[:20]} revokes {report.revoked + report.left + report.still_open} devices",
            f"Revoked now:                {report.revoked}\n"
            f"Admission still open:       {report.still_open} (they can activate no more)\n"
            f"Left, will be tried again:  {report.left}\n\n"
            f"List: {report.list_sha256}\nIssuer key: {report.issuer_key}\nExecution: {execution.arn}\n\n"
            "Live connections end within minutes. See: gatehouse crl status",
            kind="sweep_ended",
        )
    if asked:
        messages.mail(
            f"Gatehouse: {len(asked)} revocations were withdrawn: may these devices come back?",
            "These certificates are refused, and the CA's new list does not name them any more (a hold that ended, or an entry dropped "
            "after the certificate expired). Nothing is reactivated by itself.\n\n"
            + "\n".join(f"{one.device or 'no device'}  {one.certificate_id}  {one.reason}" for one in asked[:_SHOWN])
            + ("\n…" if len(asked) > _SHOWN else "")
            + "\n\nTo let one come back, delete its certificate in AWS IoT: its next knock is a new admission. See: gatehouse crl status",
            kind="revocation_withdrawn",
        )


def _tell_of_authority(messages: Messages, report: Report, of: AuthorityRevocation, execution: Execution) -> None:
    """Not when there was nothing to do: a sweep that looks again every hour, while people still think, is quiet."""
    if not report.revoked and not report.left:
        return
    messages.mail(
        f"Gatehouse: a CA was revoked, and with it {report.revoked + report.left + report.still_open} certificates",
        f"Revoked now:                {report.revoked}\n"
        f"Admission still open:       {report.still_open} (they can activate no more)\n"
        f"Left, will be tried again:  {report.left}\n\n"
        f"CA: {line(of.subject)}\nCA certificate: {of.ca_certificate_id}\nBy: {of.by}\nReason: {line(of.reason)}\n"
        f"Execution: {execution.arn}\n\n"
        f"Live connections end within minutes. What is left: gatehouse ca revoke {of.ca_certificate_id} --reason … --dry-run",
        kind="sweep_ended",
    )
