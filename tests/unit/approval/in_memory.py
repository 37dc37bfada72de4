"""The approvals table in memory, as strict as DynamoDB, and the messages that would have been sent: for tests of interleavings."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

import msgspec

from functions.shared.approvals import Approvals
from tests.approvals import unsigned
from workflows.approval.request import Request, Step
from workflows.approval.request_history import AuditEvent
from workflows.approval.signature import SignedVote


class World(Protocol):
    """What the table has to know of everything else."""

    now: datetime

    def stands(self, identity: str) -> bool: ...


class Crash(Exception):  # noqa: N818
    """The Lambda is gone."""


class Memory(Approvals):
    """The table: one item at a time, compare-and-swap, with the conditions of the real one."""

    def __init__(self, world: World) -> None:
        super().__init__("memory")
        self.world = world
        self.item: Request | None = None
        self.votes: dict[str, SignedVote] = {}
        self.token: tuple[bytes, int] = (b"", 0)
        self.trail: list[AuditEvent] = []
        self.crash_before_write = False
        self.shown = ""

    def find(self, approval_id: str) -> Request | None:  # noqa: ARG002
        return self.item

    def callback(self, approval_id: str) -> tuple[bytes, int]:  # noqa: ARG002
        return self.token

    def snapshot(self, request: Request) -> Any:  # noqa: ARG002
        return msgspec.json.decode(self.shown)

    def record_refusal(self, approval_id: str, event: AuditEvent) -> bool:  # noqa: ARG002
        """A refusal changes nothing."""
        return True

    def open(self, request: Request, event: AuditEvent, *, snapshot: str, token: bytes) -> bool:
        self.shown = snapshot
        if self.item is not None:
            return False
        self.item, self.token = request, (token, request.generation)
        self.trail.append(event)
        return True

    def commit(self, step: Step, *, snapshot: str | None = None, token: bytes | None = None) -> bool:  # noqa: ARG002
        if self.crash_before_write:
            self.crash_before_write = False
            raise Crash
        standing, vote = self.item, step.vote
        assert standing is not None
        if (standing.version, standing.status) != (step.before.version, step.before.status):
            return False
        if vote is not None:
            earlier = self.votes.get(vote.subject)
            if not standing.decide_by > self.world.now or standing.basis_sha256 != vote.basis_sha256:
                return False
            if earlier is not None and earlier.basis_sha256 == vote.basis_sha256:
                return False
            if vote.on_behalf_of is not None and not self.world.stands(vote.on_behalf_of.delegation_id):
                return False
            self.votes[vote.subject] = vote
        elif step.after.status == "EXPIRED" != standing.status and standing.decide_by > self.world.now:
            return False
        self.item = step.after
        self.trail.append(step.event)
        if token is not None:
            self.token = (token, step.after.generation)
        return True


class Silent:
    """Messages, and what may happen while they are sent."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        self.meanwhile = meanwhile

    def mail(self, *_: str) -> None:
        self.meanwhile()

    def event(self, *_: Any) -> None:
        """Goes with the mail."""


class Outbox:
    """What the teller sends, by kind: the topic is enough, since the bus goes with it."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()

    def mail(self, _: str, __: str, kind: str) -> None:
        self.sent[kind] += 1

    def event(self, *_: Any) -> None:
        """Goes with the mail."""


class Unsigned:
    """Stands where the key signs."""

    def sign_vote(self, vote: SignedVote, _: str) -> SignedVote:
        return unsigned(vote)
