"""The people who get a mail of their own about a request."""

from collections import defaultdict
from datetime import datetime

from functions.notification.tell.received import Letter
from functions.shared.delegations import Delegations
from functions.shared.personal_mail import PersonalMail, is_address
from workflows.approval import notices
from workflows.approval import request as requests
from workflows.approval.identity import is_among
from workflows.approval.notices import Kind
from workflows.approval.request import Request


class People:
    """Members of the groups that are asked, and their delegates; for a result also the person who entered the device."""

    def __init__(self, mail: PersonalMail, delegations: Delegations) -> None:
        self._mail = mail
        self._delegations = delegations

    def letters(self, event: str, request: Request, kind: Kind, *, at: datetime) -> list[Letter]:
        """Returns one letter for each address that `kind` concerns, sorted; none if no sender is set. Raises `AwsUnavailable`."""
        if not self._mail.wanted:
            return []
        asked = notices.groups(request, kind, at=at)
        rights: dict[str, set[str]] = defaultdict(set)
        for group in asked:
            for subject, address in self._mail.members(group).items():
                rights[address].add(subject)
        for one in self._delegations.all(since=at):
            if one.stands(at) and one.group in asked:
                rights[one.delegate].add(one.delegator)
        if request.status != "PENDING" and (requester := notices.requester(request)):
            rights[requester].clear()
        written = (
            Letter(event=event, approval_id=request.approval_id, to=address, rights=tuple(sorted(rights[address])))
            for address in sorted(rights)
            if is_address(address)
        )
        return [letter for letter in written if self.concerns(letter, request, kind)]

    def concerns(self, letter: Letter, request: Request, kind: Kind) -> bool:
        """Returns whether its person needs it. A question does not go to people who have voted, were voted for, or entered the device;
        a result does not go to the person who decided it. The person who entered the device gets one without a right for each result."""
        if not self._mail.wanted:
            return False
        if request.status == "PENDING" and is_among(letter.to, requests.entered_under(request)):
            return False
        return not letter.rights or bool(set(letter.rights) - notices.left_out(request, kind))
