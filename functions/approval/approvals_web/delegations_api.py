"""The JSON API of delegations: everybody who may read sees all of them; only those whom it concerns change one."""

import base64

import msgspec
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from msgspec import Struct

from functions.approval.approvals_web import access, delegating, views
from functions.approval.approvals_web.access import Settings, signed_in
from functions.approval.approvals_web.answers import Denied, answer, fault
from functions.shared import clock
from functions.shared.delegations import Delegations, Position, position
from functions.shared.settings import rules, settings
from functions.shared.trail import Trail
from workflows.approval.delegating import Asked, NotDelegated
from workflows.approval.votes import Voter

router = Router()  # type: ignore[no-untyped-call]

LIMIT = 50
MOST = 200
_ASKED = 'Expected {"group", "to", "until": "2027-01-31T18:00:00Z", "reason"} and nothing else.'


class Evidence(Struct, frozen=True, kw_only=True):
    evidence_bucket: str


class Ending(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: str


@router.get("/api/delegations")
def list_delegations() -> Response[str]:
    """One page: those that stand, or with ``state=all`` every one there ever was."""
    at, person = clock.now(), access.reader(signed_in(router.current_event.raw_event))
    asked = router.current_event.query_string_parameters or {}
    state, limit = asked.get("state", "standing"), access.limit(asked, LIMIT, MOST)
    if state not in {"standing", "all"}:
        raise Denied("bad_request", f"state is {state[:40]!r}. Expected standing or all.")
    after = _read(asked["cursor"]) if "cursor" in asked else None
    found = Delegations(settings(Settings).delegations_table).all(since=None if state == "all" else at, after=after)
    page = [
        one for _, one in zip(range(limit), (one for one in found if state == "all" or one.stands(at)), strict=False)
    ]
    cursor = _write(position(page[-1])) if len(page) == limit else None
    shown = [views.delegation(one, person, at=at) for one in page]
    return answer({"state": state, "delegations": shown, "cursor": cursor})


@router.post("/api/delegations")
def make_delegation() -> Response[str]:
    """Give one's own right to vote for a group to another person."""
    person = access.reader(signed_in(router.current_event.raw_event))
    asked = access.body(router.current_event.decoded_body, Asked, _ASKED)
    return _told(delegating.delegate(table(), trail(), rules(), person, asked), person, made=True)


@router.post("/api/delegations/<delegation_id>/end")
def end_delegation(delegation_id: str) -> Response[str]:
    """End one before its time."""
    person = access.reader(signed_in(router.current_event.raw_event))
    why = access.body(router.current_event.decoded_body, Ending, 'Expected {"reason"} and nothing else.')
    known = access.is_id(delegation_id)
    done = delegating.end(table(), trail(), person, delegation_id, why.reason) if known else None
    if done is None:
        raise Denied("not_found", "There is no such delegation.")
    return _told(done, person)


def _told(done: delegating.Done | NotDelegated, person: Voter, *, made: bool = False) -> Response[str]:
    if isinstance(done, NotDelegated):
        return fault(done.code, done.message)
    shown = views.delegation(done.delegation, person, at=clock.now())
    return answer({"delegation": shown, "repeated": done.repeated}, 201 if made and not done.repeated else 200)


def table() -> Delegations:
    """Where delegations are kept."""
    return Delegations(settings(Settings).delegations_table)


def trail() -> Trail:
    """Where making and ending one is recorded."""
    return Trail(settings(Evidence).evidence_bucket, "approvals_web")


def _write(left: Position) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(left)).decode().rstrip("=")


def _read(cursor: str) -> Position:
    try:
        read: Position = msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=Position)
    except (ValueError, msgspec.DecodeError) as error:
        raise Denied("bad_cursor", "This cursor is not one of ours. Start again without it.") from error
    return read
