"""The JSON API of delegations. Everybody who may read sees all of them. Only the people concerned can change one."""

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from msgspec import Struct

from functions.approval.approvals_web import access, client_state, delegation_changes, request_input, resources, views
from functions.approval.approvals_web.access import signed_in
from functions.approval.approvals_web.answers import Denied, answer, fault
from functions.approval.approvals_web.paging import CursorInvalid, Id, Time
from functions.shared import clock
from functions.shared.delegations import Position, position
from workflows.approval.delegation_rules import DelegationRequest, NotDelegated
from workflows.approval.votes import Voter

router = Router()  # type: ignore[no-untyped-call]

LIMIT = 50
MOST = 200
_ASKED = 'Expected {"group", "to", "until": "2027-01-31T18:00:00Z", "reason"} and nothing else.'


class Ending(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: str


class _Left(Struct, frozen=True, array_like=True):
    """A `Position` that a client sends back."""

    delegation_id: Id
    until: Time


@router.get("/api/delegations")
def list_delegations() -> Response[str]:
    """Returns one page of the delegations that are valid now. With ``state=all``, also of all earlier ones."""
    at, person = clock.now(), access.reader(signed_in(router.current_event.raw_event))
    query = router.current_event.query_string_parameters or {}
    state, limit = query.get("state", "standing"), request_input.limit(query, LIMIT, MOST)
    if state not in {"standing", "all"}:
        raise Denied("bad_request", f"state is {state[:40]!r}. Expected standing or all.")
    after = _read(query["cursor"]) if "cursor" in query else None
    delegations = resources.delegations().all(since=None if state == "all" else at, after=after)
    page = [
        one
        for _, one in zip(range(limit), (one for one in delegations if state == "all" or one.stands(at)), strict=False)
    ]
    cursor = client_state.write(position(page[-1])) if len(page) == limit else None
    shown = [views.delegation(one, person, at=at) for one in page]
    return answer({"state": state, "delegations": shown, "cursor": cursor})


@router.post("/api/delegations")
def make_delegation() -> Response[str]:
    """Delegates the caller's own right to vote for a group to another person."""
    person = access.reader(signed_in(router.current_event.raw_event))
    asked = request_input.body(router.current_event, DelegationRequest, _ASKED)
    return _response(delegation_changes.delegate(person, asked), person, made=True)


@router.post("/api/delegations/<delegation_id>/end")
def end_delegation(delegation_id: str) -> Response[str]:
    """Ends a delegation early."""
    person = access.reader(signed_in(router.current_event.raw_event))
    why = request_input.body(router.current_event, Ending, 'Expected {"reason"} and nothing else.')
    return _response(delegation_changes.end(person, delegation_id, why.reason), person)


def _response(done: delegation_changes.Done | NotDelegated, person: Voter, *, made: bool = False) -> Response[str]:
    if isinstance(done, NotDelegated):
        return fault(done.code, done.message)
    shown = views.delegation(done.delegation, person, at=clock.now())
    return answer({"delegation": shown, "repeated": done.repeated}, 201 if made and not done.repeated else 200)


def _read(cursor: str) -> Position:
    left = client_state.read(cursor, _Left)
    if left is None:
        raise CursorInvalid("This cursor is not valid. Start again without it.")
    return left.delegation_id, left.until
