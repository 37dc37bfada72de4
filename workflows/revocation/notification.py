"""The messages to people about lists and sweeps."""

from workflows.events import RevocationListRejected, SweepEnded
from workflows.message import Message, as_of, line, subject_line
from workflows.revocation import current_lists
from workflows.revocation.ca_revocation import AuthorityRevocation

SHOWN = 20
"""At most this many withdrawn revocations are named in an event and a message."""


def rejected(event: RevocationListRejected) -> Message:
    """Returns the message that a list was rejected."""
    incoming = line(event.incoming)
    kept = line(current_lists.result_key(event.incoming, "rejected"))
    return Message(
        subject="Gatehouse: a revocation list was rejected",
        text=f"{as_of(event.at)}{incoming} was rejected.\n\n"
        f"Rule:   {line(event.clause)}\nReason: {line(event.reason)}\nSHA-256: {line(event.sha256 or 'not read')}\n\n"
        f"It is stored as {kept}. The list published before it stays current until it becomes "
        "stale; after that every device of the CA is held. See: gatehouse crl status\n",
        kind="crl_rejected",
    )


def swept(event: SweepEnded) -> list[Message]:
    """Returns messages about certificates that were revoked or are left, and about revocations that were withdrawn; about nothing else.

    While admissions are open, the sweep of a CA runs again every hour. It sends no message if it finds nothing new.
    """
    found = []
    if event.revoked or event.left:
        found.append(_revoked(event) if event.authority is None else _of_authority(event, event.authority))
    if event.withdrawn:
        found.append(_withdrawn(event))
    return found


def _revoked(event: SweepEnded) -> Message:
    return Message(
        subject=subject_line(
            f"Gatehouse: list {line(event.list_number, 20)} revokes {event.revoked + event.left + event.still_open} devices"
        ),
        text=f"{_counts(event)}"
        f"List: {line(event.list_sha256 or '')}\nIssuer key: {line(event.issuer_key)}\nExecution: {line(event.execution_arn)}\n\n"
        "Live connections end within minutes. See: gatehouse crl status\n",
        kind="sweep_ended",
    )


def _of_authority(event: SweepEnded, of: AuthorityRevocation) -> Message:
    total = event.revoked + event.left + event.still_open
    return Message(
        subject=subject_line(f"Gatehouse: a CA was revoked, and with it {total} certificates"),
        text=f"{_counts(event)}"
        f"CA: {line(of.subject)}\nCA certificate: {line(of.ca_certificate_id)}\nBy: {line(of.by)}\nReason: {line(of.reason)}\n"
        f"Execution: {line(event.execution_arn)}\n\n"
        f"Live connections end within minutes. What is left: gatehouse ca revoke {line(of.ca_certificate_id)} --reason … --dry-run\n",
        kind="sweep_ended",
    )


def _counts(event: SweepEnded) -> str:
    return (
        f"{as_of(event.at)}the sweep has ended.\n\n"
        f"Revoked now:                {event.revoked}\n"
        f"Admission still open:       {event.still_open} (they can no longer activate)\n"
        f"Left, will be tried again:  {event.left}\n\n"
    )


def _withdrawn(event: SweepEnded) -> Message:
    lines = [
        f"{line(one.device or 'no device')}  {line(one.certificate_id)}  {line(one.reason)}" for one in event.withdrawn
    ]
    return Message(
        subject=subject_line(f"Gatehouse: {event.released} revocations were withdrawn: may these devices come back?"),
        text=f"{as_of(event.at)}these certificates are refused, and the CA's new list does not have them any more (a hold that ended, or "
        "an entry dropped after the certificate expired). Nothing is reactivated by itself.\n\n"
        + "\n".join(lines)
        + ("\n…" if event.released > len(lines) else "")
        + "\n\nTo let one come back, delete its certificate in AWS IoT and run gatehouse admissions forget CERTIFICATE_ID: its next "
        "knock then starts a new admission. See: gatehouse crl status\n",
        kind="revocation_withdrawn",
    )
