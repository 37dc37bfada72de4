"""Who is asking, and what they may see: the same for every part of the API and for the pages."""

import re
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from functions.approval.approvals_web.answers import Denied
from functions.approval.approvals_web.identity import Provider, voter
from functions.shared import clock
from functions.shared.approvals import Approvals
from functions.shared.delegations import Delegations
from functions.shared.settings import rules, settings
from workflows.approval.delegating import held
from workflows.approval.request import Request
from workflows.approval.votes import Voter

T = TypeVar("T")
_ID = re.compile(r"[0-9a-f]{32}")


class Settings(Provider, frozen=True, kw_only=True):
    approvals_table: str
    delegations_table: str
    approvals_url: str
    vote_signing_key_arn: str


def signed_in(event: dict[str, Any]) -> Voter:
    """The person behind an HTTP API event, with the delegations by which they may act. Raises `NotSignedIn`."""
    return with_delegations(voter(event, settings(Settings), clock.now()))


def with_delegations(person: Voter) -> Voter:
    """`person` with the rights that others have given them and that stand now."""
    at = clock.now()
    found = Delegations(settings(Settings).delegations_table).held_by(person.identified_as, at)
    return replace(person, delegations=held(rules(), person, found, at=at))


def approvals_of() -> Approvals:
    """The table of requests, with what a vote's transaction has to look at."""
    return Approvals(settings(Settings).approvals_table, settings(Settings).delegations_table)


def may_read(person: Voter, request: Request | None = None) -> bool:
    """Members of any group that is asked or may look, and their delegates; of an older request, also those that it asks."""
    known = rules().approver_groups() | set(rules().readers)
    asked = {requirement.group for requirement in request.ruling.requirements} if request else set()
    return bool(person.delegations) or bool((known | asked) & set(person.groups))


def reader(person: Voter) -> Voter:
    """`person`, if they may read at all. Raises `Denied`."""
    if not may_read(person):
        raise nobody()
    return person


def find(approvals: Approvals, approval_id: str, person: Voter) -> Request:
    """The request. Raises `Denied`: somebody in none of the groups is not even told whether it exists."""
    request = approvals.find(approval_id) if is_id(approval_id) else None
    if request is None:
        raise Denied("not_found", "There is no such request.") if may_read(person) else nobody()
    return request


def nobody() -> Denied:
    return Denied("not_allowed", "You are in no group that approves or reviews. Ask whoever runs Gatehouse for you.")


def is_id(text: str) -> bool:
    """Whether `text` looks like the id of a request or a delegation."""
    return _ID.fullmatch(text) is not None


def body(text: str | None, kind: type[T], expected: str) -> T:
    """What was sent, read strictly. Raises `Denied`, saying what was `expected`."""
    try:
        return msgspec.json.decode(text or "", type=kind)
    except (ValueError, msgspec.DecodeError) as error:
        raise Denied("bad_request", f"What was sent cannot be read: {error}. {expected}") from error


def limit(asked: dict[str, str], usual: int, most: int) -> int:
    """How many a page may have. Raises `Denied`."""
    written = asked.get("limit", str(usual))
    if not re.fullmatch(r"[0-9]{1,4}", written) or not 1 <= int(written) <= most:
        raise Denied("bad_request", f"limit is {written[:40]!r}. Expected a number from 1 to {most}.")
    return int(written)
