"""Who sends the request, and what they may see. The same rules apply to every part of the API and to the pages."""

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
    """Returns the person who sent an HTTP API event, with the delegations that they may use.

    Raises `NotSignedIn`, `IdentityProviderUnavailable`.
    """
    return with_delegations(voter(event, settings(Settings), clock.now()))


def with_delegations(person: Voter) -> Voter:
    """Returns `person` with the rights that others delegated to them and that are valid now."""
    at = clock.now()
    found = delegations().held_by(person.identified_as, at)
    return replace(person, delegations=usable(rules(), person, found, at=at))


def may_read(person: Voter, request: Request | None = None) -> bool:
    """Whether `person` may read: members of an approver or reader group, and delegates. For `request`, also the groups that it asks,
    which may differ from the groups of the current rules.
    """
    known = rules().approver_groups() | set(rules().readers)
    requested_of = {requirement.group for requirement in request.ruling.requirements} if request else set()
    return bool(person.delegations) or bool((known | requested_of) & set(person.groups))


def reader(person: Voter) -> Voter:
    """Returns `person` if they may read requests. Raises `Denied` if not."""
    if not may_read(person):
        raise nobody()
    return person


def readable(approvals: Approvals, approval_id: str, person: Voter) -> Request:
    """Returns the request. Raises `Denied`. A person who may not read it does not learn whether it exists."""
    request = approvals.find(approval_id) if is_id(approval_id) else None
    if request is None and may_read(person):
        raise Denied("not_found", "There is no such request.")
    if request is None or not may_read(person, request):
        raise nobody()
    return request


def nobody() -> Denied:
    return Denied("not_allowed", "You are not in a group that approves or reviews. Ask the people who run Gatehouse.")
