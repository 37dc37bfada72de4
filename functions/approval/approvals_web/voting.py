"""A vote, from the ballot to the table: worked out, signed and stored in one transaction, or refused and put on the trail."""

from functions.shared import clock
from functions.shared.approvals import Approvals
from functions.shared.observability import count
from functions.shared.signing import Signer
from workflows.admission.contracts import SignedVote
from workflows.approval import votes
from workflows.approval.request import Request, Step


def vote(
    approvals: Approvals, signer: Signer, approval_id: str, voter: votes.Voter, ballot: votes.Ballot
) -> tuple[votes.Accepted | votes.Repeated | votes.Refused, Request]:
    """What became of the vote, and the request as it stands then. Raises `ApprovalUnknown`, `AwsUnavailable` (nothing is recorded)."""
    results: list[votes.Accepted | votes.Repeated | votes.Refused] = []

    def sign(unsigned: SignedVote) -> SignedVote:
        return signer.sign_vote(unsigned, approval_id)

    def work_out(request: Request) -> Step | None:
        result = votes.cast(request, voter, ballot, at=clock.now(), sign=sign)
        results.append(result)
        return result.step if isinstance(result, votes.Accepted) else None

    request = approvals.change(approval_id, work_out)
    result = results[-1]
    if isinstance(result, votes.Refused):
        count("VoteRefused")
        approvals.record(approval_id, votes.refused(voter, ballot, result, at=clock.now()))
    return result, request
