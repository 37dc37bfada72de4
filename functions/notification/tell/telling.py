"""An event becomes a message on the topic and a letter in the queue for each person; a letter becomes one mail."""

from datetime import datetime

import msgspec

from functions.notification.tell.channels import Queue, Topic
from functions.notification.tell.people import People
from functions.notification.tell.received import Letter
from functions.shared import clock
from functions.shared.approvals import Approvals
from functions.shared.delegations import Delegations
from functions.shared.observability import count
from functions.shared.personal_mail import PersonalMail
from workflows.admission.contracts import CertificateFacts, DeviceDecision
from workflows.approval import events, wording
from workflows.approval.notices import Kind
from workflows.approval.request import Request, whole
from workflows.errors import BadInput
from workflows.events import EVENTS, ApprovalEvent, Event
from workflows.message import Message
from workflows.notifications import messages
from workflows.revocation.verdict import Verdict


class Telling:
    """Stores nothing. After a crash in between, the whole event is processed again: some messages come twice, none is lost.

    All data is read before anything is sent, so that an outage while reading causes no repeated message.
    """

    def __init__(
        self,
        approvals: Approvals,
        delegations: Delegations,
        *,
        topic: Topic,
        queue: Queue,
        mail: PersonalMail,
        approvals_url: str,
    ) -> None:
        self._approvals = approvals
        self._topic = topic
        self._queue = queue
        self._mail = mail
        self._people = People(mail, delegations)
        self._approvals_url = approvals_url

    def tell(self, received: Event | Letter) -> None:
        """Raises `AwsUnavailable`, `AccessRefused`, `ApprovalUnknown`: then it has to be delivered again."""
        match received:
            case Letter():
                self._deliver(received)
            case ApprovalEvent():
                self._tell_of_request(received)
            case _:
                for message in messages(received):
                    self._topic.publish(message)
                    count("PeopleTold")

    def _tell_of_request(self, event: ApprovalEvent) -> None:
        """Only the event's kind and the id of the request are used: the text for people comes from the table."""
        request, at = self._approvals.get(event.approval_id), whole(clock.now())
        kind = events.still(type(event), request, at=at)
        if kind is None:
            return
        message = self._message(request, kind, at)
        letters = self._people.letters(event.detail_type, request, kind, at=at)
        self._topic.publish(message)
        self._queue.send(letters)
        count("PeopleTold")

    def _deliver(self, letter: Letter) -> None:
        """Send the mail, unless it no longer concerns the person."""
        request, at = self._approvals.get(letter.approval_id), whole(clock.now())
        kind = events.still(_approval_event(letter.event), request, at=at)
        if kind is not None and self._people.concerns(letter, request, kind):
            message = self._message(request, kind, at)
            self._mail.send(letter.to, message.subject, message.text)

    def _message(self, request: Request, kind: Kind, at: datetime) -> Message:
        link = f"{self._approvals_url}/approvals/{request.approval_id}"
        if request.status == "PENDING":
            text = wording.message(request, self._checks(request), link, at=at, lead=wording.LEADS.get(kind))
        else:
            text = wording.result(request, link, at=at)
        return Message(subject=wording.subject(wording.HEADS[kind], request), text=text, kind=events.message_kind(kind))

    def _checks(self, request: Request) -> tuple[str, ...]:
        """Returns the checks from the evidence that people see."""
        snapshot = self._approvals.snapshot(request)
        return wording.checks(
            msgspec.convert(snapshot["certificate"], CertificateFacts),
            msgspec.convert(snapshot["revocation"], Verdict),
            msgspec.convert(snapshot["device"], DeviceDecision),
        )


def _approval_event(detail_type: str) -> type[ApprovalEvent]:
    kind = EVENTS.get(detail_type, Event)
    if not issubclass(kind, ApprovalEvent):
        raise BadInput(f"Got a letter for the event {detail_type!r}; expected an event of a request for approval.")
    return kind
