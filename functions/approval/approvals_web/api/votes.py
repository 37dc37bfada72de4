"""The JSON API for several requests in one act."""

from typing import Any

import msgspec
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from functions.approval.approvals_web import access, request_input, resources, views
from functions.approval.approvals_web.access import signed_in
from functions.approval.approvals_web.answers import Denied, answer
from functions.approval.approvals_web.bulk_votes import BallotResult, NotTogether, vote_together
from functions.shared import clock
from workflows.approval import bulk
from workflows.approval.votes import Voter

router = Router()  # type: ignore[no-untyped-call]

_ACT = (
    f'Expected {{"decision", "reason", "meaning", "ballots": [{{"approval_id", "basis_sha256"}}]}} with 1 to {bulk.MOST} ballots, '
    '"delegation_id" if you vote for somebody else, and nothing else.'
)


@router.post("/api/votes")
def cast_votes() -> Response[str]:
    """Returns one result for each request, in the order given. If the requests are not alike or not all green, it returns 409 and decides
    nothing.
    """
    person = access.reader(signed_in(router.current_event.raw_event))
    act = request_input.body(router.current_event, bulk.Act, _ACT)
    if len({one.approval_id for one in act.ballots}) < len(act.ballots):
        raise Denied("bad_request", "A request is named twice. Name each request once.")
    results = vote_together(resources.approvals(), resources.vote_signer(), person, act)
    if isinstance(results, NotTogether):
        message = "These requests cannot be decided in one act. Nothing was recorded. Decide the named ones one by one."
        return answer({"code": "not_together", "message": message, "apart": results.apart}, 409)
    return answer({"results": [_shown(one, person) for one in results]})


def _shown(result: BallotResult, person: Voter) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.structs.asdict(result)
    request = plain.pop("request")
    may_see = request is not None and access.may_read(person, request)
    return {**plain, "approval": views.summary(request, person, at=clock.now()) if may_see else None}
