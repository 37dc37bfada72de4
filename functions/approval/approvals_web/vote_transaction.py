"""Casts a vote. A valid vote is signed, and stored in one transaction. A refused one is recorded in the history."""

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
    """Returns `voter` with the delegation that the ballot names.

    The delegation is read with strong consistency, because the index may be late and the page may be old.
    """
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
    """Returns the result of the vote, and the request after it. `together` is the kind and the number of requests decided in one act.

    A refusal is counted. If `voter` may read the request, the refusal is also kept in its history, within the limit that
    `request_history` sets. Raises `ApprovalUnknown`, `AwsUnavailable` (nothing is recorded).
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
        if may_read(voter, request):  # a person who may not read it must not fill its history either
            approvals.record_refusal(approval_id, votes.refused(voter, ballot, result, at=clock.now()))
    return result, request


def _in_one_act(accepted: votes.Accepted, kind: bulk.Kind, number: int) -> votes.Accepted | votes.Refused:
    """Returns the vote as one of several, if the request is still of their kind. The history entry says how many."""
    if why := bulk.apart(accepted.step.before, kind, accepted.vote.decision):
        return votes.Refused(code="not_together", message=f"This cannot be decided with the others: {why}.")
    event = accepted.step.event
    marked = replace(event, new={**event.new, "decided_together": str(number)})
    return replace(accepted, step=replace(accepted.step, event=marked))
