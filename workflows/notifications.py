"""What people are told on the topic, by event. What they are told of a request for approval depends on how it stands: see
`workflows.approval.events`."""

from workflows.admission import notification as admission
from workflows.events import AdmissionEnded, Event, ExecutionFailed, RevocationListRejected, SweepEnded
from workflows.message import Message
from workflows.revocation import notification as revocation


def messages(event: Event) -> list[Message]:
    """The messages that tell of `event`. Whoever tries the door (`trial`) is told by the command, and nobody else is."""
    match event:
        case AdmissionEnded():
            return [] if event.trial else [admission.message(event)]
        case ExecutionFailed():
            return [admission.failure_message(event)]
        case RevocationListRejected():
            return [revocation.rejected(event)]
        case SweepEnded():
            return revocation.swept(event)
    return []
