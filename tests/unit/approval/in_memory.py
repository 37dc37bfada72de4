"""The approvals table in memory, as strict as DynamoDB, and the event bus: for tests of interleavings."""

from collections import Counter
from datetime import datetime
from typing import Any, Literal, Protocol

import msgspec

from functions.notification.tell.received import Letter
from functions.shared.approvals import Approvals
from tests.approvals import unsigned
from workflows.approval import notices, wording
from workflows.approval.audit import AuditEvent
from workflows.approval.request import Request, Step
from workflows.approval.signature import SignedVote
from workflows.events import Event
from workflows.message import Message


class World(Protocol):
    """What the table has to know of everything else."""

    now: datetime
    table: "Memory"

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


class Bus:
    """The event bus: what was put, oldest first."""

    def __init__(self) -> None:
        self.put_so_far: list[Event] = []

    def put(self, event: Event, *_: str) -> None:
        self.put_so_far.append(event)

    @property
    def counts(self) -> Counter[str]:
        """How often each detail type was put."""
        return Counter(event.detail_type for event in self.put_so_far)


class People:
    """Those who are told: the queue, the topic, and each one's mail. Dies where it is told to, right after it took something."""

    def __init__(self, world: World, members: dict[str, dict[str, str]], *, wanted: bool) -> None:
        self.world, self._members, self.wanted = world, members, wanted
        self.queue: list[Event | Letter] = []
        self.on_topic: list[Message] = []
        self.mails: dict[str, list[str]] = {}
        self.dies_after: Literal["topic", "letters", "mail"] | None = None

    def members(self, group: str) -> dict[str, str]:
        return self._members.get(group, {})

    def publish(self, message: Message) -> None:
        self._is_true(message.subject)
        self.on_topic.append(message)
        self._dies("topic")

    def send(self, first: Any, subject: str = "", _: str = "") -> bool:
        """Letters for the queue, or one mail."""
        if not isinstance(first, str):
            self.queue += first
            self._dies("letters")
            return True
        self._is_true(subject)
        self.mails.setdefault(first, []).append(subject)
        self._dies("mail")
        return True

    def _is_true(self, subject: str) -> None:
        """Whatever came before and in which order: nobody is asked what is decided, or told what does not stand."""
        request = self.world.table.item
        assert request is not None
        kind = notices.outcome(request)
        if kind is None:
            assert not request.overdue(self.world.now)
            asks = [wording.HEADS[one] for one in ("requested", "reminder", "escalation")]
        assert subject.startswith(tuple(asks) if kind is None else wording.HEADS[kind])

    def _dies(self, where: str) -> None:
        if self.dies_after == where:
            self.dies_after = None
            raise Crash


class Unsigned:
    """Stands where the key signs."""

    def sign_vote(self, vote: SignedVote, _: str) -> SignedVote:
        return unsigned(vote)
