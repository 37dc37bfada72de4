"""The pages that change something: a vote, and votes on several requests in one act. Each needs a session and a form of that session."""

import re
from typing import Literal, cast

import msgspec
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from functions.approval.approvals_web import access, request_input, resources, views
from functions.approval.approvals_web.answers import STATUS, Denied
from functions.approval.approvals_web.bulk_votes import NotTogether, vote_together
from functions.approval.approvals_web.pages import checks
from functions.approval.approvals_web.pages.approvals import request_page
from functions.approval.approvals_web.pages.browser import go, one, signed_in, unforged
from functions.approval.approvals_web.pages.rendering import page
from functions.approval.approvals_web.sign_in.sessions import Session
from functions.approval.approvals_web.vote_transaction import vote
from functions.shared import clock
from functions.shared.approvals import Approvals
from workflows.approval import bulk, votes
from workflows.approval.request import Request
from workflows.approval.votes import Voter

router = Router()  # type: ignore[no-untyped-call]

Fields = dict[str, list[str]]
_SHA256 = re.compile(r"[0-9a-f]{64}")


@router.post("/approvals/<approval_id>/vote")
def decide(approval_id: str) -> Response[str]:
    """Casts a vote. If it is signed, or was signed before, the receipt follows. If it is refused, the page says why and keeps the form."""
    session = signed_in(router.current_event.raw_event)
    fields = unforged(router.current_event, session)
    approvals, person = resources.approvals(), access.with_delegations(session.voter)
    access.readable(approvals, approval_id, person)
    result, request = vote(approvals, resources.vote_signer(), approval_id, person, _ballot(fields))
    if not isinstance(result, votes.Refused):
        return go(f"/approvals/{approval_id}/receipt")
    if not access.may_read(person, request):
        raise access.nobody()
    return request_page(
        approvals,
        request,
        session,
        person,
        status=STATUS[result.code],
        notice=result.message,
        changed=_changed(approvals, request, one(fields, "snapshot")) if result.code == "evidence_changed" else None,
        reason=one(fields, "reason")[: votes.MAX_REASON],
        typed_for=one(fields, "decision"),
    )


@router.post("/together")
def read_together() -> Response[str]:
    """Shows the ticked requests for a review before they are signed. Nothing is decided yet."""
    session = signed_in(router.current_event.raw_event)
    fields = unforged(router.current_event, session)
    return _together_page(session, _standing(fields.get("ticked", [])))


@router.get("/together")
def read_together_again() -> Response[str]:
    """Shows the same requests after a sign-in. The sign-in returns to an address, so the address has their ids, separated by dots."""
    session = signed_in(router.current_event.raw_event)
    query = router.current_event.query_string_parameters or {}
    return _together_page(session, _standing([one for one in query.get("ticked", "").split(".") if one]))


@router.post("/together/vote")
def decide_together() -> Response[str]:
    """Casts one vote for each request, with its own signature. The page shows the result of each."""
    session = signed_in(router.current_event.raw_event)
    fields = unforged(router.current_event, session)
    person = access.reader(access.with_delegations(session.voter))
    results = vote_together(resources.approvals(), resources.vote_signer(), person, _act(fields))
    if isinstance(results, NotTogether):
        ticked = [pair.partition(" ")[0] for pair in fields.get("ballot", [])]
        return _together_page(session, _standing(ticked), status=409, apart=results.apart, reason=one(fields, "reason"))
    return page("together_done.html", session=session, person=person, at=clock.now(), results=results)


def _ballot(fields: Fields) -> votes.Ballot:
    decision = _decision(fields)
    return votes.Ballot(
        decision=decision,
        reason=one(fields, "reason"),
        meaning="rejection" if decision == "reject" else one(fields, "meaning"),
        basis_sha256=one(fields, "basis"),
        delegation_id=one(fields, "delegation") or None,
    )


def _act(fields: Fields) -> bulk.Act:
    decision = _decision(fields)
    pairs = [pair.partition(" ") for pair in fields.get("ballot", [])]
    plain = {
        "decision": decision,
        "reason": one(fields, "reason"),
        "meaning": "rejection" if decision == "reject" else one(fields, "meaning"),
        "ballots": [{"approval_id": identity, "basis_sha256": basis} for identity, _, basis in pairs],
        "delegation_id": one(fields, "delegation") or None,
    }
    try:
        return msgspec.convert(plain, bulk.Act)
    except msgspec.ValidationError as error:
        raise Denied(
            "bad_request", f"The form cannot be read: {error}. Open the inbox and select 1 to {bulk.MOST}."
        ) from error


def _decision(fields: Fields) -> Literal["approve", "reject"]:
    decision = one(fields, "decision")
    if decision not in ("approve", "reject"):
        raise Denied("bad_request", "The form has no decision: expected approve or reject. Nothing was done.")
    return cast('Literal["approve", "reject"]', decision)


def _changed(approvals: Approvals, request: Request, shown: str) -> list[checks.Difference]:
    """Returns what changed after the page was shown. `shown` is the hash of the evidence on that page."""
    before = approvals.evidence(request.approval_id, shown) if _SHA256.fullmatch(shown) else None
    return checks.differences(before, approvals.snapshot(request)) if before is not None else []


def _standing(identities: list[str]) -> list[Request]:
    if not 1 <= len(identities) <= bulk.MOST:
        raise Denied("bad_request", f"{len(identities)} requests are selected. Select 1 to {bulk.MOST} in the inbox.")
    approvals = resources.approvals()
    requests = (approvals.find(identity) for identity in dict.fromkeys(identities) if request_input.is_id(identity))
    return [request for request in requests if request is not None]


def _together_page(
    session: Session,
    requests: list[Request],
    *,
    status: int = 200,
    apart: dict[str, str] | None = None,
    reason: str = "",
) -> Response[str]:
    at = clock.now()
    person: Voter = access.reader(access.with_delegations(session.voter))
    shown = [views.summary(request, person, at=at) for request in requests if access.may_read(person, request)]
    unlike = bulk.unlike(requests, "approve") if apart is None else apart
    return page(
        "together.html",
        status=status,
        session=session,
        person=person,
        at=at,
        rows=shown,
        basis={request.approval_id: request.basis_sha256 for request in requests},
        apart=unlike,
        stale=any(request.ruling.fresh_sign_in for request in requests) and not votes.is_fresh(person, at),
        reason_required=any(request.ruling.reason_required for request in requests),
        reason=reason[: votes.MAX_REASON],
        meanings=votes.MEANINGS,
    )
