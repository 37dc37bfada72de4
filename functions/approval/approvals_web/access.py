"""Who is asking, and what they may see: the same for every part of the API and for the pages."""

from typing import Any

from msgspec.structs import replace

from functions.approval.approvals_web.answers import Denied
from functions.approval.approvals_web.bearer import voter
from functions.approval.approvals_web.request_input import is_id
from functions.approval.approvals_web.resources import Settings, delegations
from functions.shared import clock
from functions.shared.approvals import Approvals
from functions.shared.settings import rules, settings
from workflows.approval.delegation_rules import usable
from workflows.approval.request import Request
from workflows.approval.votes import Voter


def signed_in(event: dict[str, Any]) -> Voter:
    """The person behind an HTTP API event, with the delegations by which they may act.

    Raises `NotSignedIn`, `IdentityProviderUnavailable`.
    """
    return with_delegations(voter(event, settings(Settings), clock.now()))


def with_delegations(person: Voter) -> Voter:
    """`person` with the rights that others have given them and that stand now."""
    at = clock.now()
    found = delegations().held_by(person.identified_as, at)
    return replace(person, delegations=usable(rules(), person, found, at=at))


def may_read(person: Voter, request: Request | None = None) -> bool:
    """Members of any group that is asked or may look, and their delegates; of an older request, also those that it asks."""
    known = rules().approver_groups() | set(rules().readers)
    requested_of = {requirement.group for requirement in request.ruling.requirements} if request else set()
    return bool(person.delegations) or bool((known | requested_of) & set(person.groups))


def reader(person: Voter) -> Voter:
    """`person`, if they may read at all. Raises `Denied`."""
    if not may_read(person):
        raise nobody()
    return person


def readable(approvals: Approvals, approval_id: str, person: Voter) -> Request:
    """The request. Raises `Denied`: somebody who may not read it is not even told whether it exists."""
    request = approvals.find(approval_id) if is_id(approval_id) else None
    if request is None and may_read(person):
        raise Denied("not_found", "There is no such request.")
    if request is None or not may_read(person, request):
        raise nobody()
    return request


def nobody() -> Denied:
    return Denied("not_allowed", "You are in no group that approves or reviews. Ask whoever runs Gatehouse for you.")
