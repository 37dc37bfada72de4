"""Whatever happens in whatever order: people vote on stale pages, clocks run, Lambdas crash between any two steps, executions retry,
time out, are redriven or aborted. The resumer, the adapter's loop and all rules are the real ones; the table and Step Functions are
in memory and as strict as theirs.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Literal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from functions.admission.read_decision import reading
from functions.approval.resume_execution import executions, resumption
from functions.shared import clock, task_tokens
from functions.shared.approvals import Approvals
from tests.approvals import NOW, asked, asks, ballot, person, ruling, unsigned
from workflows.admission.contracts import SignedVote
from workflows.approval import request as requests
from workflows.approval.audit import AuditEvent
from workflows.approval.errors import DecisionPending
from workflows.approval.opening import prepare
from workflows.approval.quorum import is_met
from workflows.approval.request import Request, Step
from workflows.approval.votes import Accepted, Voter, cast

PEOPLE = {
    "ada": person("ada", "quality"),
    "kim": person("kim", "quality", "security"),
    "sam": person("sam", "security"),
    "erin": person("erin", "quality", "security"),  # entered the device
    "mal": person("mal", "finance"),
}
WITHIN = 4 * 3600


class Crash(Exception):  # noqa: N818
    """The Lambda is gone."""


class Memory(Approvals):
    """The table: one item at a time, compare-and-swap, with the conditions of the real one."""

    def __init__(self, world: "World") -> None:
        super().__init__("memory")
        self.world = world
        self.item: Request | None = None
        self.votes: dict[str, SignedVote] = {}
        self.token: tuple[bytes, int] = (b"", 0)
        self.trail: list[AuditEvent] = []
        self.crash_before_write = False

    def find(self, approval_id: str) -> Request | None:  # noqa: ARG002
        return self.item

    def callback(self, approval_id: str) -> tuple[bytes, int]:  # noqa: ARG002
        return self.token

    def open(self, request: Request, event: AuditEvent, *, snapshot: str, token: bytes) -> bool:  # noqa: ARG002
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


class World(RuleBasedStateMachine):
    """One admission with its execution, its request, and everybody who acts on them."""

    def __init__(self) -> None:
        super().__init__()
        self.now: datetime = NOW
        self.table = Memory(self)
        self.messages = Silent(self._meanwhile)
        self.redriven_meanwhile = False
        self.reported = False
        self.where: Literal["waiting", "reading", "done", "gone"] = "waiting"
        self.came_to_read = False  # the last it did of the two states, as its history tells
        self.waits_on = ""  # the token that Step Functions would accept
        self.tokens = 0
        self.timeout = NOW
        self.told: list[str] = []  # what the execution was told, each time
        self.seen: dict[str, Request] = {}  # the page each person has before them
        self.outcomes: set[str] = set()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(clock, "now", lambda: self.now)
        self.patch.setattr(executions, "resume", self._send_task_success)
        self.patch.setattr(executions, "whereabouts", self._whereabouts)
        self.patch.setattr(task_tokens, "decrypt", lambda ciphertext, *_: ciphertext.decode())
        self.patch.setattr(resumption, "count", lambda *_: None)
        self.patch.setattr(reading, "count", lambda *_: None)
        self.resumption = resumption.Resumption(
            self.table,
            self.messages,  # type: ignore[arg-type]
            data_key_arn="key",
            approvals_url="https://approvals.example",
        )

    def teardown(self) -> None:
        try:
            if self.table.item is not None:
                self._wind_down()
        finally:
            self.patch.undo()

    # --- the execution -------------------------------------------------------------------------------------------------

    def _enter(self, *, crash: bool) -> None:
        """*Request approval* is entered: a new token, and the Lambda that stores it, if it comes so far."""
        self.tokens += 1
        self.where, self.waits_on, self.came_to_read = "waiting", f"token-{self.tokens}", False
        self.timeout = self.now + timedelta(seconds=WITHIN + 300)
        if crash:
            return
        fresh, evidence = prepare(asked(rule=self.rule, token=self.waits_on), at=self.now)
        token = self.waits_on.encode()
        if not self.table.open(fresh, requests.opened(fresh), snapshot=evidence, token=token):
            self.table.change(
                fresh.approval_id,
                lambda standing: requests.ask_again(standing, fresh, at=self.now),
                snapshot=evidence,
                token=token,
            )

    def _send_task_success(self, token: str, _: str) -> bool:
        if self.where != "waiting" or token != self.waits_on:
            return False
        self._goes_to_read()
        return True

    def _goes_to_read(self) -> None:
        self.where, self.came_to_read = "reading", True

    def _whereabouts(self, _: str) -> str:
        return "past" if self.came_to_read else self.where

    def _read(self) -> None:
        """*Read decision*, as its handler does it."""
        assert self.table.item is not None
        try:
            decision = reading.read(self.table, self.table.item.approval_id)
        except DecisionPending:
            self._enter(crash=False)
            return
        request = self.table.item
        assert decision.votes == tuple(v for v in request.votes if v.basis_sha256 == request.basis_sha256)
        in_time = request.execute_by is None or self.now < request.execute_by
        assert decision.status == (request.status.lower() if in_time else "expired")
        assert request.resume_state == ("DELIVERED" if in_time else "LOST")
        self.told.append(request.status)
        self.where = "done"

    @initialize(counts=st.sampled_from([{"quality": 1, "security": 1}, {"quality": 2}, {"quality": 1}]))
    def begins(self, counts: dict[str, int]) -> None:
        self.rule = ruling(requirements=asks(**counts), decide_within=WITHIN)
        self._enter(crash=False)

    @precondition(lambda self: self.where == "waiting")
    @rule(crash=st.booleans())
    def is_retried_with_a_new_token(self, crash: bool) -> None:
        self._enter(crash=crash)

    @precondition(lambda self: self.where == "waiting" and self.now >= self.timeout)
    @rule()
    def times_out(self) -> None:
        self._goes_to_read()

    @precondition(lambda self: self.where == "waiting")
    @rule()
    def is_resumed_by_somebody_who_may_not(self) -> None:
        self._goes_to_read()

    @precondition(lambda self: self.where == "reading")
    @rule()
    def reads(self) -> None:
        self._read()

    @precondition(lambda self: self.where in {"waiting", "reading"})
    @rule(really=st.sampled_from([False, False, False, True]))
    def is_aborted(self, really: bool) -> None:
        if really:
            self.where = "gone"

    @precondition(lambda self: self.where == "gone")
    @rule(crash=st.booleans())
    def is_redriven(self, crash: bool) -> None:
        """It goes on in the state where it ended."""
        if self.came_to_read:
            self.where = "reading"
        else:
            self._enter(crash=crash)

    def _meanwhile(self) -> None:
        """Between the resumer's look at the execution and its note of it. What it tells people has to be true."""
        assert self.where == "gone"
        self.reported = True
        if self.redriven_meanwhile and self.where == "gone":
            self.is_redriven(crash=False)

    # --- the people ----------------------------------------------------------------------------------------------------

    @rule(who=st.sampled_from(sorted(PEOPLE)))
    def opens_the_page(self, who: str) -> None:
        assert self.table.item is not None
        self.seen[who] = self.table.item

    @rule(
        who=st.sampled_from([*PEOPLE, "ada", "sam", "kim"]),
        decision=st.sampled_from(["approve"] * 5 + ["reject"]),
        stale=st.booleans(),
    )
    def votes(self, who: str, decision: str, stale: bool) -> None:
        """On the page as it is now, or on the one opened earlier."""
        assert self.table.item is not None
        page = self.seen.get(who, self.table.item) if stale else self.table.item
        result = cast(page, PEOPLE[who], ballot(decision, of=page), at=self.now, sign=unsigned)
        if isinstance(result, Accepted):
            self.table.commit(result.step)  # a stale page is overtaken: nothing is written

    # --- the resumer and the clock -------------------------------------------------------------------------------------

    @rule(crash=st.booleans(), redriven=st.booleans())
    def resumer_runs(self, crash: bool, redriven: bool) -> None:
        """From the stream, late, twice, or from the sweeper: it is all the same call."""
        assert self.table.item is not None
        self.table.crash_before_write, self.redriven_meanwhile = crash, redriven and not crash
        try:
            self.resumption.resume(self.table.item.approval_id)
        except Crash:
            return
        finally:
            self.table.crash_before_write = self.redriven_meanwhile = False

    @rule(minutes=st.sampled_from([1, 1, 30, 239, 480]))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    # --- what must hold ------------------------------------------------------------------------------------------------

    @invariant()
    def approved_only_by_a_quorum_of_the_right_people_in_time(self) -> None:
        request = self.table.item
        if request is None or request.status != "APPROVED":
            return
        assert is_met(request.ruling, request.approvals, requested_at=request.requested_at)
        assert {vote.subject for vote in request.approvals} <= {"ada", "kim", "sam"}
        assert len({vote.subject for vote in request.votes}) == len(request.votes)
        assert all(vote.voted_at < request.decide_by for vote in request.votes)
        assert not any(vote.decision == "reject" for vote in request.votes)

    @invariant()
    def never_two_outcomes(self) -> None:
        if self.table.item is not None and self.table.item.status != "PENDING":
            self.outcomes.add(self.table.item.status)
        assert len(self.outcomes) <= 1
        assert set(self.told) <= self.outcomes

    @invariant()
    def a_decision_is_owed_delivered_or_reported(self) -> None:
        request = self.table.item
        if request is None:
            return
        if request.status in {"APPROVED", "REJECTED"}:
            assert request.resume_state in {"OWED", "DELIVERED", "LOST"}
        if request.resume_state == "LOST":
            assert self.reported or (request.lost_because or "").endswith("came to it after execute_by.")

    @invariant()
    def a_decision_is_owed_to_whoever_waits_on_the_token_we_hold(self) -> None:
        request = self.table.item
        if request is None or request.status == "PENDING" or self.where != "waiting":
            return
        if self.table.token[0].decode() == self.waits_on:
            assert request.resume_state == "OWED"

    @invariant()
    def every_change_left_a_line_on_the_trail(self) -> None:
        if self.table.item is not None:
            assert len(self.table.trail) == self.table.item.version + 1

    def _wind_down(self) -> None:
        """Nobody acts any more but the sweeper, the clock and the execution: everything must come to rest, and rightly."""
        for _ in range(6):
            self.resumer_runs(crash=False, redriven=False)
            if self.where == "reading":
                self._read()
            self.now += timedelta(seconds=WITHIN + 301)
            if self.where == "waiting" and self.now >= self.timeout:
                self._goes_to_read()
        request = self.table.item
        assert request is not None
        assert request.resume_state != "OWED"
        if self.where == "done":
            assert self.told[-1] == request.status
            assert request.resume_state == "DELIVERED" or request.status == "APPROVED"
            if request.resume_state == "LOST":
                assert (request.lost_because or "").endswith("came to it after execute_by.")
        elif request.status in {"APPROVED", "REJECTED"}:
            assert self.where == "gone"  # which raises an alarm of its own
            assert self.came_to_read or request.resume_state == "LOST"


World.TestCase.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
TestInterleavings = World.TestCase


def test_people_of_the_model_are_who_they_should_be() -> None:
    assert all(isinstance(voter, Voter) for voter in PEOPLE.values())
