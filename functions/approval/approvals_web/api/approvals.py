"""The JSON API of the approvers: lists, one request, a vote. A GET never changes anything."""

import re

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from functions.approval.approvals_web import access, request_input, resources, views
from functions.approval.approvals_web.access import may_read, nobody, signed_in
from functions.approval.approvals_web.answers import Denied, answer, fault
from functions.approval.approvals_web.paging import CursorInvalid
from functions.approval.approvals_web.tabs import TABS, Tab, page
from functions.approval.approvals_web.vote_transaction import vote
from functions.shared import clock, request_history
from workflows.approval import votes

router = Router()  # type: ignore[no-untyped-call]

_EVENT = re.compile(r"event#[0-9TZ:.-]{24}#[0-9]{6}-[0-9a-f]{8}")
LIMIT = 25
MOST = 100
_BALLOT = (
    'Expected {"decision": "approve" or "reject", "reason", "meaning", "basis_sha256"}, "delegation_id" if you vote for '
    "somebody else, and nothing else."
)


@router.get("/api/approvals")
def list_approvals() -> Response[str]:
    """Returns one page of a tab."""
    at, person = clock.now(), access.reader(signed_in(router.current_event.raw_event))
    asked = router.current_event.query_string_parameters or {}
    tab, cursor, limit = asked.get("tab", "mine"), asked.get("cursor"), request_input.limit(asked, LIMIT, MOST)
    found = page(resources.approvals().table, _tab(tab), person, cursor=cursor, limit=limit, at=at)
    shown = [views.summary(request, person, at=at) for request in found.requests]
    return answer({"tab": tab, "approvals": shown, "cursor": found.cursor})


@router.get("/api/approvals/<approval_id>")
def show_approval(approval_id: str) -> Response[str]:
    """Returns everything about one request."""
    approvals, person = resources.approvals(), signed_in(router.current_event.raw_event)
    request = access.readable(approvals, approval_id, person)
    snapshot, events = approvals.snapshot(request), request_history.events(approvals.table, approval_id)
    return answer(views.detail(request, person, snapshot, events, at=clock.now()))


@router.get("/api/approvals/<approval_id>/events")
def show_events(approval_id: str) -> Response[str]:
    """Returns one page of a request's history, oldest first. `cursor` is where the next page begins."""
    approvals, person = resources.approvals(), signed_in(router.current_event.raw_event)
    access.readable(approvals, approval_id, person)
    cursor = (router.current_event.query_string_parameters or {}).get("cursor")
    if cursor is not None and not _EVENT.fullmatch(cursor):
        raise CursorInvalid("This cursor is not valid. Start again without it.")
    found = request_history.events(approvals.table, approval_id, after=cursor)
    return answer({"events": found.events, "cursor": found.left})


@router.post("/api/approvals/<approval_id>/vote")
def cast_vote(approval_id: str) -> Response[str]:
    """Casts a vote. Returns its receipt if it is stored, or the reason if it is refused."""
    person = signed_in(router.current_event.raw_event)
    approvals = resources.approvals()
    access.readable(approvals, approval_id, person)
    ballot = request_input.body(router.current_event, votes.Ballot, _BALLOT)
    result, request = vote(approvals, resources.vote_signer(), approval_id, person, ballot)
    if isinstance(result, votes.Refused) and not may_read(person, request):  # its groups have changed since
        raise nobody()
    if isinstance(result, votes.Refused):
        return fault(result.code, result.message)
    shown = views.summary(request, person, at=clock.now())
    return answer({"receipt": result.vote, "repeated": isinstance(result, votes.Repeated), "approval": shown})


def _tab(name: str) -> Tab:
    if name not in TABS:
        raise Denied("unknown_tab", f"There is no tab {name[:40]!r}. Known: {', '.join(TABS)}.")
    return TABS[name]
