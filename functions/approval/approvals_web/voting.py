"""A vote, from the ballot to the table: worked out, signed and stored in one transaction, or refused and put on the trail."""

from msgspec.structs import replace

from functions.approval.approvals_web.access import Settings, is_id
from functions.shared import clock
from functions.shared.approvals import Approvals
from functions.shared.delegations import Delegations
from functions.shared.observability import count
from functions.shared.settings import rules, settings
from functions.shared.signing import Signer
from workflows.admission.contracts import SignedVote
from workflows.approval import votes
from workflows.approval.delegating import held
from workflows.approval.request import Request, Step


def signer() -> Signer:
    """The stack's key, with which votes are signed."""
    return Signer(settings(Settings).signing_key_arn, settings(Settings).approvals_url)


def still_delegated(voter: votes.Voter, ballot: votes.Ballot) -> votes.Voter:
    """`voter` with the delegation that the ballot names, read strongly: an index lags, and a page may be old."""
    if ballot.delegation_id is None or not is_id(ballot.delegation_id):
        return voter
    found = Delegations(settings(Settings).delegations_table).find(ballot.delegation_id)
    return replace(voter, delegations=held(rules(), voter, (found,) if found else (), at=clock.now()))


def vote(
    approvals: Approvals, signer: Signer, approval_id: str, voter: votes.Voter, ballot: votes.Ballot
) -> tuple[votes.Accepted | votes.Repeated | votes.Refused, Request]:
    """What became of the vote, and the request as it stands then. Raises `ApprovalUnknown`, `AwsUnavailable` (nothing is recorded)."""
    results: list[votes.Accepted | votes.Repeated | votes.Refused] = []

    def sign(unsigned: SignedVote) -> SignedVote:
        return signer.sign_vote(unsigned, approval_id)

    def work_out(request: Request) -> Step | None:
        result = votes.cast(request, still_delegated(voter, ballot), ballot, at=clock.now(), sign=sign)
        results.append(result)
        return result.step if isinstance(result, votes.Accepted) else None

    request = approvals.change(approval_id, work_out)
    result = results[-1]
    if isinstance(result, votes.Refused):
        count("VoteRefused")
        approvals.record(approval_id, votes.refused(voter, ballot, result, at=clock.now()))
    return result, request
