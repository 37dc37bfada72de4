"""The messages on the topic, by event. Messages about a request for approval depend on its current state: see
`workflows.approval.events`."""

from workflows.admission import notification as admission
from workflows.events import AdmissionEnded, Event, ExecutionFailed, RevocationListRejected, SweepEnded
from workflows.message import Message
from workflows.revocation import notification as revocation


def messages(event: Event) -> list[Message]:
    """Returns the messages for `event`. There is none for a trial: only the operator gets its result, from the command."""
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
