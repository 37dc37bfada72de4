"""A request as the API shows it. Nothing of the task token is in what these are made from."""

from datetime import datetime
from typing import Any

from msgspec import Struct

from workflows.admission.contracts import SignedVote
from workflows.approval import wording
from workflows.approval.audit import AuditEvent
from workflows.approval.quorum import Progress, progress
from workflows.approval.request import Request
from workflows.approval.votes import MEANINGS, Voter, barred


class You(Struct, frozen=True, kw_only=True):
    """What the person who asks may do here, and has done."""

    may_vote: bool
    why_not: str | None
    voted: str | None


class Summary(Struct, frozen=True, kw_only=True):
    """One line of a list. `status` is ``expired`` as soon as nobody may vote any more."""

    approval_id: str
    status: str
    delivery: str
    sentence: str
    certificate_id: str
    device: str
    product: str
    site: str
    rule_id: str
    requirements: tuple[Progress, ...]
    votes_received: int
    votes_needed: int
    requested_at: datetime
    decide_by: datetime
    decided_at: datetime | None
    execute_by: datetime | None
    you: You


class Detail(Summary, frozen=True, kw_only=True):
    """Everything there is to decide on, and the trail."""

    execution_arn: str
    basis_sha256: str
    snapshot_sha256: str
    snapshot: Any
    rule_version: str
    rules_sha256: str
    reason_required: bool
    fresh_sign_in: bool
    entered_by: str | None
    not_carried_out_because: str | None
    votes: tuple[SignedVote, ...]
    events: tuple[AuditEvent, ...]
    meanings: dict[str, list[dict[str, str]]]


def summary(request: Request, voter: Voter, *, at: datetime) -> Summary:
    return Summary(**_summary(request, voter, at))


def detail(request: Request, voter: Voter, snapshot: Any, events: list[AuditEvent], *, at: datetime) -> Detail:
    return Detail(
        **_summary(request, voter, at),
        execution_arn=request.execution_arn,
        basis_sha256=request.basis_sha256,
        snapshot_sha256=request.snapshot_sha256,
        snapshot=snapshot,
        rule_version=request.ruling.rule_version,
        rules_sha256=request.ruling.rules_sha256,
        reason_required=request.ruling.reason_required,
        fresh_sign_in=request.ruling.fresh_sign_in,
        entered_by=request.entered_by,
        not_carried_out_because=request.lost_because,
        votes=request.votes,
        events=tuple(events),
        meanings={
            decision: [{"key": key, "text": text} for key, text in known.items()]
            for decision, known in MEANINGS.items()
        },
    )


def _summary(request: Request, voter: Voter, at: datetime) -> dict[str, Any]:
    parts = progress(request.ruling, request.approvals, requested_at=request.requested_at)
    bar, earlier = barred(request, voter, at=at), request.vote_of(voter.subject)
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
        "requirements": parts,
        "votes_received": sum(part.received for part in parts),
        "votes_needed": sum(part.count for part in parts),
        "requested_at": request.requested_at,
        "decide_by": request.decide_by,
        "decided_at": request.decided_at,
        "execute_by": request.execute_by,
        "you": You(
            may_vote=bar is None,
            why_not=bar.message if bar else None,
            voted=earlier.decision if earlier else None,
        ),
    }
