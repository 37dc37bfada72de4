"""The JSON API of the approvers: lists, one request, a vote. Reading never changes anything."""

import re

import msgspec
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from functions.approval.approvals_web import views
from functions.approval.approvals_web.answers import Denied, answer, fault
from functions.approval.approvals_web.identity import Provider, voter
from functions.approval.approvals_web.lanes import LANES, CursorInvalid, Lane, page
from functions.approval.approvals_web.voting import vote
from functions.shared import clock
from functions.shared.approvals import Approvals
from functions.shared.settings import rules, settings
from functions.shared.signing import Signer
from workflows.approval import votes
from workflows.approval.request import Request

router = Router()  # type: ignore[no-untyped-call]

LIMIT = 25
MOST = 100
_ID = re.compile(r"[0-9a-f]{32}")


class Settings(Provider, frozen=True, kw_only=True):
    approvals_table: str
    approvals_url: str
    signing_key_arn: str


@router.get("/api/approvals")
def list_approvals() -> Response[str]:
    """One page of a lane."""
    at, configured, person = clock.now(), settings(Settings), _person()
    if not _may_read(person):
        raise _nobody()
    asked = router.current_event.query_string_parameters or {}
    lane, cursor = asked.get("lane", "mine"), asked.get("cursor")
    try:
        found = page(configured.approvals_table, _lane(lane), person, cursor=cursor, limit=_limit(asked), at=at)
    except CursorInvalid as error:
        raise Denied("bad_cursor", str(error)) from error
    shown = [views.summary(request, person, at=at) for request in found.requests]
    return answer({"lane": lane, "approvals": shown, "cursor": found.cursor})


@router.get("/api/approvals/<approval_id>")
def show_approval(approval_id: str) -> Response[str]:
    """Everything about one request."""
    approvals, person = Approvals(settings(Settings).approvals_table), _person()
    request = _find(approvals, approval_id, person)
    if not _may_read(person, request):
        raise _nobody()
    snapshot, events = approvals.snapshot(request), approvals.events(approval_id)
    return answer(views.detail(request, person, snapshot, events, at=clock.now()))


@router.post("/api/approvals/<approval_id>/vote")
def cast_vote(approval_id: str) -> Response[str]:
    """A vote: stored and answered with its receipt, or refused with the reason."""
    configured, person = settings(Settings), _person()
    approvals = Approvals(configured.approvals_table)
    _find(approvals, approval_id, person)
    signer = Signer(configured.signing_key_arn, configured.approvals_url)
    result, request = vote(approvals, signer, approval_id, person, _ballot())
    if isinstance(result, votes.Refused) and not _may_read(person, request):
        raise _nobody()
    if isinstance(result, votes.Refused):
        return fault(result.code, result.message)
    shown = views.summary(request, person, at=clock.now())
    return answer({"receipt": result.vote, "repeated": isinstance(result, votes.Repeated), "approval": shown})


def _person() -> votes.Voter:
    return voter(router.current_event.raw_event, settings(Settings), clock.now())


def _may_read(person: votes.Voter, request: Request | None = None) -> bool:
    """Members of any group that is asked or may look; of an older request, also those that it asks."""
    known = rules().approver_groups() | set(rules().readers)
    asked = {requirement.group for requirement in request.ruling.requirements} if request else set()
    return bool((known | asked) & set(person.groups))


def _find(approvals: Approvals, approval_id: str, person: votes.Voter) -> Request:
    """The request. Somebody in none of the groups is not even told whether it exists."""
    request = approvals.find(approval_id) if _ID.fullmatch(approval_id) else None
    if request is None:
        raise Denied("not_found", "There is no such request.") if _may_read(person) else _nobody()
    return request


def _nobody() -> Denied:
    return Denied("not_allowed", "You are in no group that approves or reviews. Ask whoever runs Gatehouse for you.")


def _ballot() -> votes.Ballot:
    try:
        return msgspec.json.decode(router.current_event.decoded_body or "", type=votes.Ballot)
    except (ValueError, msgspec.DecodeError) as error:
        expected = 'Expected {"decision": "approve" or "reject", "reason", "meaning", "basis_sha256"} and nothing else.'
        raise Denied("bad_request", f"The vote cannot be read: {error}. {expected}") from error


def _lane(name: str) -> Lane:
    if name not in LANES:
        raise Denied("unknown_lane", f"There is no lane {name[:40]!r}. Known: {', '.join(LANES)}.")
    return LANES[name]


def _limit(asked: dict[str, str]) -> int:
    written = asked.get("limit", str(LIMIT))
    if not re.fullmatch(r"[0-9]{1,3}", written) or not 1 <= int(written) <= MOST:
        raise Denied("bad_request", f"limit is {written[:40]!r}. Expected a number from 1 to {MOST}.")
    return int(written)
