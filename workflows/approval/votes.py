"""One person's vote on one request: who may vote, what is refused and with which words, and what the vote changes.

A refusal is a result, not an error: it has a code for programs, a sentence for people, and a line in the history.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from workflows.approval.delegation import Delegation
from workflows.approval.identity import may_be
from workflows.approval.quorum import is_met, may_fill
from workflows.approval.request import (
    Request,
    Step,
    changes,
    entered_under,
    last_moment,
    outcome_sentence,
    signer,
    whole,
)
from workflows.approval.request_history import AuditEvent
from workflows.approval.signature import NameSource, SignedVote
from workflows.moments import Moment

MEANINGS: dict[str, dict[str, str]] = {
    "approve": {
        "approval": "Approval: I have reviewed the evidence shown and agree that this certificate is activated.",
        "responsibility": "Responsibility: I answer for this device and agree that its certificate is activated.",
    },
    "reject": {
        "rejection": "Rejection: I have reviewed the evidence shown and this certificate must not be activated.",
    },
}
"""What a signature may mean (21 CFR 11.50(a)(3)): by decision and key, in the words that are recorded."""

MAX_REASON = 2000
FRESH_SIGN_IN = timedelta(minutes=5)
"""How old a sign-in may be if the rule requires a fresh one."""
CLOCK_SKEW = timedelta(minutes=1)
"""How far the identity provider's clock may be ahead of ours."""

RefusalCode = Literal[
    "already_decided",
    "already_voted",
    "evidence_changed",
    "expired",
    "no_delegation",
    "not_eligible",
    "not_together",
    "reason_required",
    "reason_too_long",
    "self_entered",
    "stale_sign_in",
    "unknown_meaning",
]


class Voter(Struct, frozen=True, kw_only=True):
    """A signed-in person, from verified claims only. `known_as`: every name under which they may have entered a device.

    `identified_as`: the names that are certainly theirs alone, to which a delegation may be given. `delegations`: the rights of
    others by which they may act (see `workflows.approval.delegation_rules.usable`).
    """

    subject: str
    name: str
    groups: tuple[str, ...]
    known_as: tuple[str, ...] = ()
    identified_as: tuple[str, ...] = ()
    delegations: tuple[Delegation, ...] = ()
    signed_in_at: Moment | None = None
    authentication_methods: tuple[str, ...] = ()
    name_from: NameSource | None = None


class Ballot(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the person sends: the decision, the reason, the meaning of the signature, and the evidence it is based on.

    `delegation_id` is set if the person votes on behalf of another.
    """

    decision: Literal["approve", "reject"]
    reason: str
    meaning: str
    basis_sha256: str
    delegation_id: str | None = None


class Accepted(Struct, frozen=True, kw_only=True):
    """A vote to be stored in one transaction. It counts once it is stored."""

    step: Step
    vote: SignedVote


class Repeated(Struct, frozen=True, kw_only=True):
    """The same vote again. Nothing changes, and the first vote is the receipt."""

    vote: SignedVote


class Refused(Struct, frozen=True, kw_only=True):
    """Why the vote does not count; `message` is for the voter. If somebody has decided already, it says who decided what, and when."""

    code: RefusalCode
    message: str


Result = Accepted | Repeated | Refused

Sign = Callable[[SignedVote], SignedVote]
"""Returns the vote with its signature."""


def cast(request: Request, voter: Voter, ballot: Ballot, *, at: datetime, sign: Sign) -> Result:
    """Judge `ballot` at `at`, by the server's clock. Changes nothing: an accepted vote still has to be stored.

    One rejection rejects; an approval that fills the last place approves. From the same write on, the decision is owed to the execution.
    """
    meaning = MEANINGS[ballot.decision].get(ballot.meaning)
    if meaning is None:
        known = ", ".join(MEANINGS[ballot.decision])
        return Refused(
            code="unknown_meaning",
            message=f"{ballot.meaning[:40]!r} is not a meaning of this decision. Known: {known}.",
        )
    earlier = request.vote_of(voter.subject)
    if earlier is not None and _same(earlier, ballot, meaning):
        return Repeated(vote=earlier)
    delegation = next((one for one in voter.delegations if one.delegation_id == ballot.delegation_id), None)
    if ballot.delegation_id is not None and (delegation is None or not delegation.stands(at)):
        return Refused(code="no_delegation", message="There is no valid delegation with that id by which you may vote.")
    refusal = barred(request, voter, at=at, delegation=delegation) or _unfit(request, voter, ballot, at)
    if refusal is not None:
        return refusal
    vote = sign(
        SignedVote(
            subject=voter.subject,
            name=voter.name,
            groups=_counting_groups(request, voter, at, delegation),
            decision=ballot.decision,
            meaning=meaning,
            reason=ballot.reason.strip(),
            basis_sha256=request.basis_sha256,
            certificate_id=request.certificate_id,
            voted_at=whole(at),
            signed_in_at=voter.signed_in_at,
            authentication_methods=voter.authentication_methods,
            on_behalf_of=delegation.block() if delegation else None,
            name_from=voter.name_from,
        )
    )
    after = _with_vote(request, vote)
    event = _voted(request, after, vote)
    names = (voter.subject, voter.name, *voter.identified_as)
    if delegation:
        names += _names_of_holder(delegation)
    return Accepted(vote=vote, step=Step(before=request, after=after, event=event, vote=vote, names=names))


def barred(request: Request, voter: Voter, *, at: datetime, delegation: Delegation | None = None) -> Refused | None:
    """Why this person cannot vote on this request now, whatever they decide; None if they can.

    With `delegation`, on behalf of the person who gave it. What excludes either of the two excludes the vote.
    """
    if not _counting_groups(request, voter, at, delegation):
        asked = " or ".join(requirement.group for requirement in request.ruling.requirements)
        yours = f"the delegation is of {delegation.group}" if delegation else "you are in none of these groups"
        return Refused(code="not_eligible", message=f"This request asks people of {asked}, and {yours}.")
    if may_be((voter.subject, voter.name, *voter.known_as, *voter.identified_as), entered_under(request)):
        return Refused(
            code="self_entered", message="You entered this device in the inventory: somebody else has to decide on it."
        )
    if delegation and may_be(_names_of_holder(delegation), entered_under(request)):
        return Refused(
            code="self_entered",
            message=f"{delegation.delegator_name}, for whom you would vote, entered this device in the inventory: "
            "somebody else has to decide on it.",
        )
    if request.status == "EXPIRED" or request.overdue(at):
        lapsed = replace(request, status="EXPIRED")
        return Refused(code="expired", message=f"{outcome_sentence(lapsed)} Nothing was changed.")
    if request.status != "PENDING":
        return Refused(code="already_decided", message=f"{outcome_sentence(request)} Nothing was changed.")
    return _voted_already(request, voter.subject, delegation.delegator if delegation else voter.subject)


def ways(request: Request, voter: Voter, *, at: datetime) -> tuple[Delegation | None, ...]:
    """The ways in which this person may vote now: first in their own name (None), then by each delegation. Empty if there is none."""
    known = (None, *(one for one in voter.delegations if one.stands(at)))
    return tuple(one for one in known if barred(request, voter, at=at, delegation=one) is None)


def refused(voter: Voter, ballot: Ballot, refusal: Refused, *, at: datetime) -> AuditEvent:
    """The line in the history for a vote that does not count."""
    return AuditEvent(
        at=whole(at),
        source="approvals_web",
        type="vote_refused",
        actor=voter.subject,
        result="refused",
        summary=f"{refusal.code}: {refusal.message}",
        new={"vote": ballot.decision, "basis_sha256": ballot.basis_sha256[:64]},
    )


def _voted(request: Request, after: Request, vote: SignedVote) -> AuditEvent:
    """The line in the history for a vote that counts."""
    old, new = changes(request, after)
    new |= {"vote": vote.decision, "reason": vote.reason, "basis_sha256": vote.basis_sha256}
    if vote.on_behalf_of is not None:
        new["delegation_id"] = vote.on_behalf_of.delegation_id
    return AuditEvent(
        at=vote.voted_at,
        source="approvals_web",
        type="voted",
        actor=vote.subject,
        summary=f"{signer(vote)}: {vote.meaning}",
        old=old,
        new=new,
    )


def _voted_already(request: Request, subject: str, right_holder: str) -> Refused | None:
    """One vote for each person, and one for each right to vote."""
    earlier = request.vote_of(subject) or request.vote_by_right_of(right_holder)
    if earlier is None:
        return None
    verb = "approved" if earlier.decision == "approve" else "rejected"
    when = f"{earlier.voted_at:%Y-%m-%d %H:%M:%S} UTC"
    if earlier.subject == subject:
        message = f"You {verb} this at {when}; a signature is not changed afterwards."
    elif right_holder == subject:
        message = f"{earlier.name} {verb} this on your behalf at {when}: your right to vote is used."
    else:
        message = f"{earlier.name} {verb} this at {when}: the right that was delegated to you is used."
    return Refused(code="already_voted", message=message)


def _unfit(request: Request, voter: Voter, ballot: Ballot, at: datetime) -> Refused | None:
    if ballot.basis_sha256 != request.basis_sha256:
        return Refused(
            code="evidence_changed",
            message="The evidence is no longer what you were shown. Read it again, then decide.",
        )
    if request.ruling.reason_required and not ballot.reason.strip():
        return Refused(code="reason_required", message=f"The rule {request.ruling.rule_id} requires a reason.")
    if len(ballot.reason) > MAX_REASON:
        return Refused(
            code="reason_too_long", message=f"The reason has {len(ballot.reason)} characters; at most {MAX_REASON}."
        )
    if request.ruling.fresh_sign_in and not is_fresh(voter, at):
        minutes = int(FRESH_SIGN_IN.total_seconds() // 60)
        return Refused(
            code="stale_sign_in", message=f"Sign in again: this rule requires a sign-in of the last {minutes} minutes."
        )
    return None


def _with_vote(request: Request, vote: SignedVote) -> Request:
    after = replace(request, votes=(*request.votes, vote), version=request.version + 1)
    if vote.decision == "reject":
        return replace(after, status="REJECTED", resume_state="OWED", decided_at=vote.voted_at)
    if is_met(after.ruling, after.approvals, requested_at=after.requested_at):
        until = last_moment(after.ruling, vote.voted_at)
        return replace(after, status="APPROVED", resume_state="OWED", decided_at=vote.voted_at, execute_by=until)
    return after


def _counting_groups(
    request: Request, voter: Voter, at: datetime, delegation: Delegation | None = None
) -> tuple[str, ...]:
    """The person's groups, or the one delegated to them, that may fill a place of this request now."""
    since = at - request.requested_at
    return tuple(
        sorted(
            group
            for group in ({delegation.group} if delegation else set(voter.groups))
            if any(may_fill((group,), place, request.ruling, since=since) for place in request.ruling.requirements)
        )
    )


def _names_of_holder(delegation: Delegation) -> tuple[str, ...]:
    """Every name of the person who holds the right."""
    return delegation.delegator, delegation.delegator_name, *delegation.delegator_known_as


def is_fresh(voter: Voter, at: datetime) -> bool:
    """Whether the person signed in recently enough for a signature (21 CFR 11.200(a)(1)(i))."""
    return voter.signed_in_at is not None and -CLOCK_SKEW <= at - voter.signed_in_at <= FRESH_SIGN_IN


def _same(earlier: SignedVote, ballot: Ballot, meaning: str) -> bool:
    delegation = earlier.on_behalf_of.delegation_id if earlier.on_behalf_of else None
    return (earlier.decision, earlier.meaning, earlier.reason, earlier.basis_sha256, delegation) == (
        ballot.decision,
        meaning,
        ballot.reason.strip(),
        ballot.basis_sha256,
        ballot.delegation_id,
    )
