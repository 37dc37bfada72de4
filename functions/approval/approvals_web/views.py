"""A request as the API shows it. The data that these are made from contains nothing of the task token."""

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from functions.shared.request_history import Events
from workflows.approval import wording
from workflows.approval.delegation import Delegation
from workflows.approval.quorum import Progress, progress
from workflows.approval.request import Request
from workflows.approval.request_history import AuditEvent
from workflows.approval.signature import SignedVote
from workflows.approval.votes import MEANINGS, Voter, barred, ways


class ForWhom(Struct, frozen=True, kw_only=True):
    """On whose behalf the person may vote. Such a vote names the `delegation_id`."""

    delegation_id: str
    name: str
    group: str
    until: datetime


class You(Struct, frozen=True, kw_only=True):
    """What the person who sends the request may do here, and has done. `in_own_name` and `on_behalf_of` are the ways in which they may
    vote.
    """

    may_vote: bool
    why_not: str | None
    voted: str | None
    in_own_name: bool
    on_behalf_of: tuple[ForWhom, ...]


class ShownDelegation(Struct, frozen=True, kw_only=True):
    """A delegation as every reader may see it. `yours` says whether the person who sends the request gave it or holds it."""

    delegation_id: str
    group: str
    delegator_name: str
    delegator: str
    delegate: str
    reason: str
    created_at: datetime
    until: datetime
    stands: bool
    ended_at: datetime | None
    ended_by: str | None
    ended_because: str
    yours: Literal["given", "held"] | None
    you_may_end_it: bool


class Summary(Struct, frozen=True, kw_only=True):
    """One line of a list. `status` is ``expired`` as soon as nobody may vote any more.

    Requests may be approved in one act if they have the same rule (`rule_id`, `rule_version`) and `policy_name`, and all are `green`.
    """

    approval_id: str
    status: str
    delivery: str
    sentence: str
    certificate_id: str
    device: str
    product: str
    site: str
    rule_id: str
    rule_version: str
    policy_name: str | None
    green: bool
    requirements: tuple[Progress, ...]
    votes_received: int
    votes_needed: int
    requested_at: datetime
    decide_by: datetime
    decided_at: datetime | None
    execute_by: datetime | None
    you: You


class Detail(Summary, frozen=True, kw_only=True):
    """Everything that a decision needs, and the first page of the history. `events_cursor` is where the next page begins."""

    execution_arn: str
    basis_sha256: str
    snapshot_sha256: str
    snapshot: Any
    rules_sha256: str
    reason_required: bool
    fresh_sign_in: bool
    entered_by: str | None
    not_carried_out_because: str | None
    votes: tuple[SignedVote, ...]
    events: tuple[AuditEvent, ...]
    events_cursor: str | None
    meanings: dict[str, list[dict[str, str]]]


def summary(request: Request, voter: Voter, *, at: datetime) -> Summary:
    return Summary(**_summary(request, voter, at))


def detail(request: Request, voter: Voter, snapshot: Any, events: Events, *, at: datetime) -> Detail:
    return Detail(
        **_summary(request, voter, at),
        execution_arn=request.execution_arn,
        basis_sha256=request.basis_sha256,
        snapshot_sha256=request.snapshot_sha256,
        snapshot=snapshot,
        rules_sha256=request.ruling.rules_sha256,
        reason_required=request.ruling.reason_required,
        fresh_sign_in=request.ruling.fresh_sign_in,
        entered_by=request.entered_by,
        not_carried_out_because=request.lost_because,
        votes=request.votes,
        events=events.events,
        events_cursor=events.left,
        meanings={
            decision: [{"key": key, "text": text} for key, text in known.items()]
            for decision, known in MEANINGS.items()
        },
    )


def delegation(shown: Delegation, person: Voter, *, at: datetime) -> ShownDelegation:
    held = shown.given_to(person.identified_as)
    given = shown.delegator == person.subject
    return ShownDelegation(
        delegation_id=shown.delegation_id,
        group=shown.group,
        delegator_name=shown.delegator_name,
        delegator=shown.delegator,
        delegate=shown.delegate,
        reason=shown.reason,
        created_at=shown.created_at,
        until=shown.until,
        stands=shown.stands(at),
        ended_at=shown.ended_at,
        ended_by=shown.ended_by,
        ended_because=shown.ended_because,
        yours="given" if given else "held" if held else None,
        you_may_end_it=shown.stands(at) and (given or held or shown.group in person.groups),
    )


def _summary(request: Request, voter: Voter, at: datetime) -> dict[str, Any]:
    parts = progress(request.ruling, request.approvals, requested_at=request.requested_at)
    bar, earlier = barred(request, voter, at=at), request.vote_of(voter.subject)
    may = ways(request, voter, at=at)
    return {
        "approval_id": request.approval_id,
        "status": "expired" if request.overdue(at) else request.status.lower(),
        "delivery": request.resume_state.lower(),
        "sentence": wording.sentence(request, at=at),
        "certificate_id": request.certificate_id,
        "device": request.device,
        "product": request.product,
        "site": request.site,
        "rule_id": request.ruling.rule_id,
        "rule_version": request.ruling.rule_version,
        "policy_name": request.policy_name,
        "green": request.green,
        "requirements": parts,
        "votes_received": sum(part.received for part in parts),
        "votes_needed": sum(part.count for part in parts),
        "requested_at": request.requested_at,
        "decide_by": request.decide_by,
        "decided_at": request.decided_at,
        "execute_by": request.execute_by,
        "you": You(
            may_vote=bool(may),
            why_not=bar.message if bar and not may else None,
            voted=earlier.decision if earlier else None,
            in_own_name=bar is None,
            on_behalf_of=tuple(
                ForWhom(delegation_id=one.delegation_id, name=one.delegator_name, group=one.group, until=one.until)
                for one in may
                if one is not None
            ),
        ),
    }
