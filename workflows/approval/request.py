"""A request for approval and its steps: each step is a function from the request as it is to the next one.

    PENDING ──quorum──▶ APPROVED ─┐                          OWED ──SendTaskSuccess──▶ DELIVERED
       │ └───one rejection──▶ REJECTED ─┤ resume_state:        ▲ │
       └─────decide_by──▶ EXPIRED ──┘                new token └─┴──nobody waits any more──▶ LOST

A step is stored only if `version` is unchanged, so a step that was calculated from an old request is never written.
A decided request never changes its status again. Times are aware, UTC, and whole milliseconds (see `whole`).
"""

import hashlib
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from workflows.admission.contracts import Decision, Ruling
from workflows.approval.errors import DecisionPending
from workflows.approval.identity import entered_as
from workflows.approval.request_history import AuditEvent, EventType
from workflows.approval.signature import SignedVote
from workflows.moments import Moment

REQUEST_STATE = "Request approval"
READ_STATE = "Read decision"
"""The states of the machine between which a decision is handed over; their names are part of the protocol."""

_TRACED = ("status", "resume_state", "generation", "basis_sha256", "decided_at", "execute_by", "lost_because")

Status = Literal["PENDING", "APPROVED", "REJECTED", "EXPIRED"]
ResumeState = Literal["NONE", "OWED", "DELIVERED", "LOST"]


class Request(Struct, frozen=True, kw_only=True):
    """Everything that decides, in one item, so that one consistent read is enough.

    `token_sha256` distinguishes a new task token from a repeated one, without storing it. `votes` holds every vote that counted when it
    was cast; only those on the current `basis_sha256` count towards the quorum. `green`: nothing was found that somebody should look
    into (see `workflows.approval.bulk`). `tell_each`: personal mails are sent as well; `told`: the result that people were told last
    (see `workflows.approval.notices`).
    """

    approval_id: str
    certificate_id: str
    execution_arn: str
    execution_name: str
    status: Status = "PENDING"
    resume_state: ResumeState = "NONE"
    version: int = 0
    generation: int = 1
    token_sha256: str
    requested_at: Moment
    decide_by: Moment
    decided_at: Moment | None = None
    execute_by: Moment | None = None
    announced_at: Moment | None = None
    tell_each: bool = False
    each_told_at: Moment | None = None
    reminded_at: Moment | None = None
    escalated_at: Moment | None = None
    told: Literal["approved", "rejected", "expired", "not_carried_out"] | None = None
    ruling: Ruling
    basis_sha256: str
    snapshot_sha256: str
    device: str
    product: str = ""
    site: str = ""
    entered_by: str | None = None
    policy_name: str | None = None
    green: bool = False
    votes: tuple[SignedVote, ...] = ()
    lost_because: str | None = None

    @property
    def approvals(self) -> tuple[SignedVote, ...]:
        """The votes that count towards the quorum."""
        return tuple(
            vote for vote in self.votes if vote.decision == "approve" and vote.basis_sha256 == self.basis_sha256
        )

    def vote_of(self, subject: str) -> SignedVote | None:
        """What `subject` signed on the current basis."""
        return next((v for v in self.votes if v.subject == subject and v.basis_sha256 == self.basis_sha256), None)

    def vote_by_right_of(self, subject: str) -> SignedVote | None:
        """The vote on the current basis that used up the right of `subject`: their own, or that of their delegate."""
        return next((v for v in self.votes if v.right_holder == subject and v.basis_sha256 == self.basis_sha256), None)

    def overdue(self, at: datetime) -> bool:
        """Whether the time to vote is over without a decision."""
        return self.status == "PENDING" and at >= self.decide_by


class Step(Struct, frozen=True, kw_only=True):
    """One change: the request before and after it, and its line in the history. `vote` is set if a person signed.

    `names`: the names under which a search finds the request from now on.
    """

    before: Request
    after: Request
    event: AuditEvent
    vote: SignedVote | None = None
    names: tuple[str, ...] = ()


def whole(moment: datetime) -> datetime:
    """`moment` cut to milliseconds, as times are stored, so that a stored time equals the original."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def approval_id(execution_arn: str, certificate_id: str, state: str = REQUEST_STATE) -> str:
    """The id of the one request that this state of this execution makes for this certificate; 32 hex digits."""
    return hashlib.sha256("\n".join((execution_arn, state, certificate_id)).encode()).hexdigest()[:32]


def token_digest(task_token: str) -> str:
    """The hash of a token, which may be stored unencrypted."""
    return hashlib.sha256(task_token.encode()).hexdigest()


def opened(request: Request) -> AuditEvent:
    """The first line of the history."""
    asked = " and ".join(f"{part.count} of {part.group}" for part in request.ruling.requirements)
    return AuditEvent(
        at=request.requested_at,
        source="request_approval",
        type="opened",
        summary=f"Rule {request.ruling.rule_id} asks {asked}.",
        new={
            "status": request.status,
            "basis_sha256": request.basis_sha256,
            "rule_version": request.ruling.rule_version,
            "rules_sha256": request.ruling.rules_sha256,
        },
    )


def ask_again(request: Request, fresh: Request, *, at: datetime) -> Step | None:
    """The state was entered again and waits on another token: after a retry, a redrive, or a callback without permission.

    A request that is decided, or overdue by now, is owed to the new token. An open one stays open until the same `decide_by`; if its
    facts have changed, votes on the old ones no longer count. None if the token is already known.
    """
    if fresh.token_sha256 == request.token_sha256:
        return None
    after = replace(
        request,
        token_sha256=fresh.token_sha256,
        generation=request.generation + 1,
        version=request.version + 1,
    )
    if request.overdue(at):
        after = replace(after, status="EXPIRED", decided_at=at, resume_state="OWED")
    elif request.status != "PENDING":
        after = replace(after, resume_state="OWED", lost_because=None)
    else:
        after = replace(
            after,
            basis_sha256=fresh.basis_sha256,
            snapshot_sha256=fresh.snapshot_sha256,
            ruling=fresh.ruling,
            entered_by=fresh.entered_by,
            device=fresh.device,
            product=fresh.product,
            site=fresh.site,
            policy_name=fresh.policy_name,
            green=fresh.green,
        )
        if fresh.basis_sha256 != request.basis_sha256:  # those who have voted are asked again
            after = replace(after, announced_at=None, each_told_at=None)
    step = _step(
        request, after, "asked_again", source="request_approval", summary="The execution waits on a new token.", at=at
    )
    return replace(step, names=entered_under(after))


def announce(request: Request, *, at: datetime) -> Step:
    """The message went out."""
    after = replace(request, announced_at=at, version=request.version + 1)
    return _step(
        request, after, "announced", source="request_approval", summary="The message to the approvers was sent.", at=at
    )


def expire(request: Request, *, at: datetime, source: str = "read_decision") -> Step | None:
    """PENDING → EXPIRED. None if it is decided or not yet due. The result is owed unless the execution itself does it."""
    if not request.overdue(at):
        return None
    resume_state: ResumeState = "DELIVERED" if source == "read_decision" else "OWED"
    after = replace(request, status="EXPIRED", decided_at=at, resume_state=resume_state, version=request.version + 1)
    return _step(
        request,
        after,
        "expired",
        source=source,
        summary=f"Nobody decided by {_utc(request.decide_by)}.",
        at=at,
    )


def delivered(request: Request, *, source: str, at: datetime) -> Step:
    """The execution has the decision."""
    after = replace(request, resume_state="DELIVERED", lost_because=None, version=request.version + 1)
    return _step(request, after, "resumed", source=source, summary="The execution goes on with the decision.", at=at)


def moot(request: Request, *, source: str, at: datetime) -> Step:
    """Nobody decided, and the execution that would have held the device has ended. There is nothing to carry out."""
    after = replace(request, resume_state="DELIVERED", version=request.version + 1)
    return _step(request, after, "resumed", source=source, summary="The execution had ended before.", at=at)


def lost(request: Request, *, because: str, source: str, at: datetime, told: bool = False) -> Step:
    """The decision will not be carried out, and everybody shall see it. `told`: the message is out already."""
    after = replace(
        request,
        resume_state="LOST",
        lost_because=because,
        told="not_carried_out" if told else request.told,
        version=request.version + 1,
    )
    return _step(request, after, "not_carried_out", source=source, summary=because, at=at)


def too_late(request: Request, *, at: datetime) -> bool:
    """Whether there is an approval that may no longer be carried out."""
    return request.status == "APPROVED" and request.execute_by is not None and at >= request.execute_by


def decision(request: Request, *, at: datetime) -> Decision:
    """The decision for the execution. Raises `DecisionPending` while the request is open.

    An approval whose `execute_by` has passed is returned as expired: it is too late to carry it out.
    """
    if request.status == "PENDING":
        raise DecisionPending(f"Approval {request.approval_id} is open until {_utc(request.decide_by)}.")
    status: Literal["approved", "rejected", "expired"]
    if request.status == "REJECTED":
        status, reason = "rejected", outcome_sentence(request)
    elif request.status == "EXPIRED":
        status, reason = "expired", outcome_sentence(request)
    elif too_late(request, at=at):
        status, reason = (
            "expired",
            f"{outcome_sentence(request)} It was to be carried out by {_utc(request.execute_by)}.",
        )
    else:
        status, reason = "approved", outcome_sentence(request)
    return Decision(
        status=status,
        approval_id=request.approval_id,
        reason=reason,
        basis_sha256=request.basis_sha256,
        requested_at=request.requested_at,
        decide_by=request.decide_by,
        execute_by=request.execute_by,
        votes=tuple(vote for vote in request.votes if vote.basis_sha256 == request.basis_sha256),
    )


def outcome_sentence(request: Request) -> str:
    """Who decided what, and when, in one sentence."""
    match request.status:
        case "APPROVED":
            return f"Approved by {' and '.join(_signed(vote) for vote in request.approvals)}."
        case "REJECTED":
            last = request.votes[-1]
            return f"Rejected by {_signed(last)}" + (f": {last.reason}" if last.reason else ".")
        case "EXPIRED":
            return f"Nobody decided by {_utc(request.decide_by)}."
        case "PENDING":
            return f"Open until {_utc(request.decide_by)}."


def changes(before: Request, after: Request) -> tuple[dict[str, str], dict[str, str]]:
    """Old and new values that the history must show (21 CFR 11.10(e))."""
    names = [name for name in _TRACED if getattr(before, name) != getattr(after, name)]
    return {name: _text(getattr(before, name)) for name in names}, {name: _text(getattr(after, name)) for name in names}


def entered_under(request: Request) -> tuple[str, ...]:
    """Every name of the person who entered the device."""
    return entered_as(request.entered_by)


def last_moment(ruling: Ruling, decided_at: datetime) -> datetime:
    """The time until which a decision of `decided_at` may be carried out."""
    return decided_at + timedelta(seconds=ruling.execute_within)


def signer(vote: SignedVote) -> str:
    """Who signed, on whose behalf, and for which groups."""
    behalf = f" on behalf of {vote.on_behalf_of.name}" if vote.on_behalf_of else ""
    return f"{vote.name}{behalf} ({', '.join(vote.groups)})"


def _signed(vote: SignedVote) -> str:
    return f"{signer(vote)} at {_utc(vote.voted_at)}"


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else "" if value is None else str(value)


def _utc(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else "-"


def _step(before: Request, after: Request, kind: EventType, *, source: str, summary: str, at: datetime) -> Step:
    old, new = changes(before, after)
    return Step(
        before=before, after=after, event=AuditEvent(at=at, source=source, type=kind, summary=summary, old=old, new=new)
    )
