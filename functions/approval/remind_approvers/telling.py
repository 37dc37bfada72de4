"""One message about one request: worked out, sent to the topic, the bus and each person, and noted."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from functions.shared import clock
from functions.shared.approvals import Approvals
from functions.shared.delegations import Delegations
from functions.shared.messages import Messages
from functions.shared.observability import count
from functions.shared.personal_mail import PersonalMail
from workflows.admission.contracts import CertificateFacts, DeviceDecision
from workflows.approval import notices, wording
from workflows.approval import request as requests
from workflows.approval.identity import is_among
from workflows.approval.notices import Kind
from workflows.approval.request import Request, whole
from workflows.revocation.verdict import Verdict

SOURCE = "remind_approvers"
MOST_AT_ONCE = 5
"""Of one request, a call sends so many messages at most: there are no more kinds that can be due at once."""

_EVENTS: dict[Kind, str] = {
    "reminder": "Approval reminder",
    "escalation": "Approval escalated",
    "approved": "Approval decided",
    "rejected": "Approval decided",
    "expired": "Approval expired",
    "not_carried_out": "Approval not carried out",
}
"""``asked`` has none: `request_approval` has told everybody, and this only tells each by themselves."""


class Telling:
    """Send first, then note: a crash in between sends a message twice rather than never."""

    def __init__(
        self, approvals: Approvals, delegations: Delegations, messages: Messages, mail: PersonalMail, approvals_url: str
    ) -> None:
        self._approvals = approvals
        self._delegations = delegations
        self._messages = messages
        self._mail = mail
        self._approvals_url = approvals_url

    def tell(self, approval_id: str) -> None:
        """Everything that is due of one request by now. Raises `AwsUnavailable`: then it is still due."""
        for _ in range(MOST_AT_ONCE):
            request, at = self._approvals.get(approval_id), whole(clock.now())
            following = notices.due(request)
            if following is None or at < following[1]:
                return
            self._next(request, following[0], at)

    def _next(self, request: Request, kind: Kind, at: datetime) -> None:
        if kind == "lapse":
            self._approvals.change(
                request.approval_id, lambda standing: requests.expire(standing, at=whole(clock.now()), source=SOURCE)
            )
            return
        subject, text = self._written(request, kind, at)
        if kind in _EVENTS:
            self._messages.mail(subject, text, f"approval_{_EVENTS[kind].removeprefix('Approval ').replace(' ', '_')}")
            self._messages.event(_EVENTS[kind], self._detail(request, kind, at), request.execution_arn)
        if self._mail.wanted:
            for address in sorted(self._addresses(request, kind, at)):
                self._mail.send(address, subject, text)
        self._approvals.change(request.approval_id, lambda standing: notices.told(standing, kind, at=at))
        count("ApproversTold")

    def _written(self, request: Request, kind: Kind, at: datetime) -> tuple[str, str]:
        link = self._link(request)
        subject = wording.subject(wording.HEADS[kind], request)
        if request.status != "PENDING":
            return subject, wording.result(request, link, at=at)
        return subject, wording.message(request, self._checks(request), link, at=at, lead=wording.LEADS.get(kind))

    def _checks(self, request: Request) -> tuple[str, ...]:
        """As the evidence says that people see."""
        snapshot = self._approvals.snapshot(request)
        return wording.checks(
            msgspec.convert(snapshot["certificate"], CertificateFacts),
            msgspec.convert(snapshot["revocation"], Verdict),
            msgspec.convert(snapshot["device"], DeviceDecision),
        )

    def _detail(self, request: Request, kind: Kind, at: datetime) -> dict[str, object]:
        return wording.event(request, self._link(request), at=at) | {
            "status": request.status.lower(),
            "told": kind,
            "groups": notices.groups(request, kind, at=at),
            "execute_by": request.execute_by,
            "because": request.lost_because,
        }

    def _link(self, request: Request) -> str:
        return f"{self._approvals_url}/approvals/{request.approval_id}"

    def _addresses(self, request: Request, kind: Kind, at: datetime) -> set[str]:
        """Members and their delegates, without those who need no message; of a result also whoever entered the device."""
        left_out, asked = notices.left_out(request, kind), notices.groups(request, kind, at=at)
        people = {subject: address for group in asked for subject, address in self._mail.members(group).items()}
        found = {address for subject, address in people.items() if subject not in left_out}
        found |= set(self._delegates(asked, left_out, at))
        if request.status == "PENDING":  # whoever entered the device is not asked
            return {address for address in found if not is_among(address, requests.entered_under(request))}
        return found | {address for address in [notices.requester(request)] if address}

    def _delegates(self, groups: tuple[str, ...], left_out: frozenset[str], at: datetime) -> Iterable[str]:
        standing = (one for one in self._delegations.all(since=at) if one.stands(at))
        return (one.delegate for one in standing if one.group in groups and one.delegator not in left_out)
