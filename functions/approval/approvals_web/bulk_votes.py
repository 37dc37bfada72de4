"""Several requests in one act: checks whether they may be decided together, then casts one vote for each. Each has its own result."""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from functions.approval.approvals_web.vote_transaction import vote
from functions.shared.approvals import Approvals
from functions.shared.observability import logger
from functions.shared.signing import Signer
from workflows.approval import bulk, votes
from workflows.approval.request import Request
from workflows.approval.signature import SignedVote
from workflows.errors import MayWorkLater


class BallotResult(Struct, frozen=True, kw_only=True):
    """The result for one request. `request` is its state after the vote; None if no request has this id."""

    approval_id: str
    result: Literal["signed", "repeated", "refused", "failed"]
    code: str | None = None
    message: str | None = None
    receipt: SignedVote | None = None
    request: Request | None = None


class NotTogether(Struct, frozen=True, kw_only=True):
    """Nothing was decided. `apart` has, for each request that does not fit the first one, the reason."""

    apart: dict[str, str]


def vote_together(
    approvals: Approvals, signer: Signer, voter: votes.Voter, act: bulk.Act
) -> list[BallotResult] | NotTogether:
    """Casts one vote after the other, in the order given. A vote that is refused or fails does not stop the others. It is safe to repeat
    the same act.
    """
    ticked = {one.approval_id: one for one in act.ballots}
    standing = {identity: request for identity in ticked if (request := approvals.find(identity)) is not None}
    if unlike := bulk.unlike(standing.values(), act.decision):
        return NotTogether(apart=unlike)
    kind = next((bulk.kind(request) for request in standing.values()), None)
    together = (kind, len(ticked)) if kind and len(ticked) > 1 else None

    def one(ticked: bulk.Ticked) -> BallotResult:
        if ticked.approval_id not in standing:
            message = "There is no such request."
            return BallotResult(approval_id=ticked.approval_id, result="refused", code="not_found", message=message)
        return _result(
            ticked.approval_id,
            lambda: vote(approvals, signer, ticked.approval_id, voter, act.ballot(ticked), together=together),
        )

    return [one(each) for each in ticked.values()]


def _result(identity: str, vote: Callable[[], tuple[votes.Result, Request]]) -> BallotResult:
    try:
        result, request = vote()
    except MayWorkLater as error:
        logger.warning("%s: %s", type(error).__name__, error)
        message = "Nothing was recorded for this request: a required service did not respond. Try again in a moment."
        return BallotResult(approval_id=identity, result="failed", code="try_again", message=message)
    match result:
        case votes.Refused():
            return BallotResult(
                approval_id=identity, result="refused", code=result.code, message=result.message, request=request
            )
        case votes.Repeated():
            return BallotResult(approval_id=identity, result="repeated", receipt=result.vote, request=request)
        case votes.Accepted():
            return BallotResult(approval_id=identity, result="signed", receipt=result.vote, request=request)
