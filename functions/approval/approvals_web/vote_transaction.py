"""A vote, from the ballot to the table: worked out, signed and stored in one transaction, or refused and put in the history."""

from msgspec.structs import replace

from functions.approval.approvals_web import resources
from functions.approval.approvals_web.access import may_read
from functions.approval.approvals_web.request_input import is_id
from functions.shared import clock
from functions.shared.approvals import Approvals
from functions.shared.observability import count
from functions.shared.settings import rules
from functions.shared.signing import Signer
from workflows.approval import bulk, votes
from workflows.approval.delegation_rules import usable
from workflows.approval.request import Request, Step
from workflows.approval.signature import SignedVote


def still_delegated(voter: votes.Voter, ballot: votes.Ballot) -> votes.Voter:
    """`voter` with the delegation that the ballot names, read strongly: an index lags, and a page may be old."""
    if ballot.delegation_id is None or not is_id(ballot.delegation_id):
        return voter
    found = resources.delegations().find(ballot.delegation_id)
    return replace(voter, delegations=usable(rules(), voter, (found,) if found else (), at=clock.now()))


def vote(
    approvals: Approvals,
    signer: Signer,
    approval_id: str,
    voter: votes.Voter,
    ballot: votes.Ballot,
    *,
    together: tuple[bulk.Kind, int] | None = None,
) -> tuple[votes.Result, Request]:
    """What became of the vote, and the request as it stands then. `together`: of which kind and how many are decided in one act.

    A refusal is counted, and kept in the request's history as far as `request_history` bounds it, if `voter` may read the request.
    Raises `ApprovalUnknown`, `AwsUnavailable` (nothing is recorded).
    """
    results: list[votes.Result] = []

    def sign(unsigned: SignedVote) -> SignedVote:
        return signer.sign_vote(unsigned, approval_id)

    def work_out(request: Request) -> Step | None:
        result = votes.cast(request, still_delegated(voter, ballot), ballot, at=clock.now(), sign=sign)
        if isinstance(result, votes.Accepted) and together is not None:
            result = _in_one_act(result, *together)
        results.append(result)
        return result.step if isinstance(result, votes.Accepted) else None

    request = approvals.change(approval_id, work_out)
    result = results[-1]
    if isinstance(result, votes.Refused):
        count("VoteRefused")
        if may_read(voter, request):  # who may not is not to fill its history either
            approvals.record_refusal(approval_id, votes.refused(voter, ballot, result, at=clock.now()))
    return result, request


def _in_one_act(accepted: votes.Accepted, kind: bulk.Kind, number: int) -> votes.Accepted | votes.Refused:
    """The vote as one of several, if the request is still of their kind; the history says so."""
    if why := bulk.apart(accepted.step.before, kind, accepted.vote.decision):
        return votes.Refused(code="not_together", message=f"This cannot be decided with the others: {why}.")
    event = accepted.step.event
    marked = replace(event, new={**event.new, "decided_together": str(number)})
    return replace(accepted, step=replace(accepted.step, event=marked))
