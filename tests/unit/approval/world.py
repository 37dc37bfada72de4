"""A world in which anything may happen to one admission, in any order: people vote on stale pages, for others, or on several at once,
delegations begin and end, clocks run, reminders go out, Lambdas crash between any two steps, executions retry, time out, are redriven or
aborted; events come late, twice and in any order. What asks, resumes, reminds and tells, the adapter's loop and all rules are the real
ones; the table, Step Functions, the bus and the queue are in memory and as strict as theirs. What must hold in it is in `promises`.
"""

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Literal

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from msgspec.structs import replace

from functions.admission.read_decision import reading
from functions.admission.request_approval.announcement import announce
from functions.approval.approvals_web import vote_transaction
from functions.approval.remind_approvers import reminding
from functions.approval.resume_execution import executions, resumption
from functions.notification.tell import telling
from functions.shared import clock, task_tokens
from tests.approvals import NOW, asked, asks, ballot, delegation, person, ruling, unsigned
from tests.unit.approval.in_memory import Bus, Crash, Memory, People, Unsigned
from workflows.approval import bulk
from workflows.approval import request as requests
from workflows.approval.delegation import Delegation
from workflows.approval.errors import DecisionPending
from workflows.approval.opening import prepare
from workflows.approval.request import Request
from workflows.approval.votes import Accepted, Voter, cast

PEOPLE = {
    "ada": person("ada", "quality"),
    "kim": person("kim", "quality", "security"),
    "sam": person("sam", "security"),
    "erin": person("erin", "quality", "security"),  # entered the device
    "mal": person("mal", "finance"),
}
GROUP_OF = {"ada": "quality", "kim": "security", "sam": "security", "erin": "quality"}
"""Which right each of them gives away, if any."""
TAKERS = ["ada", "erin", "kim", "mal", "sam"]
WITHIN = 4 * 3600
URL = "https://approvals.example"


class World(RuleBasedStateMachine):
    """One admission with its execution, its request, and everybody who acts on them."""

    def __init__(self) -> None:
        super().__init__()
        self.now: datetime = NOW
        self.table = Memory(self)
        self.redriven_meanwhile = False
        self.where: Literal["waiting", "reading", "done", "gone"] = "waiting"
        self.came_to_read = False  # the last it did of the two states, as its history tells
        self.waits_on = ""  # the token that Step Functions would accept
        self.tokens = 0
        self.timeout = NOW
        self.told: list[str] = []  # what the execution was told, each time
        self.seen: dict[str, Request] = {}  # the page each person has before them
        self.outcomes: set[str] = set()
        self.delegations: dict[str, Delegation] = {}
        self.bus = Bus()
        self.delivered = 0  # events of the bus that EventBridge has sent to the queue
        self.crashes = 0  # of the schedule, each of which may put one event again
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(clock, "now", lambda: self.now)
        self.patch.setattr(executions, "resume", self._send_task_success)
        self.patch.setattr(executions, "whereabouts", self._whereabouts)
        self.patch.setattr(task_tokens, "decrypt", lambda ciphertext, *_: ciphertext.decode())
        self.patch.setattr(resumption, "count", lambda *_: None)
        self.patch.setattr(reading, "count", lambda *_: None)
        self.patch.setattr(telling, "count", lambda *_: None)
        self.patch.setattr(vote_transaction, "count", lambda *_: None)
        self.patch.setattr(vote_transaction, "still_delegated", lambda voter, _: self._with_delegations(voter))
        self.reminding = reminding.Reminding(self.table, self.bus, URL)  # type: ignore[arg-type]
        self.resumption = resumption.Resumption(self.table, data_key_arn="key")

    def teardown(self) -> None:
        self.patch.undo()

    # --- the execution -------------------------------------------------------------------------------------------------

    def _enter(self, *, crash: bool) -> None:
        """*Request approval* is entered: a new token, and the Lambda that stores it, if it comes so far."""
        self.tokens += 1
        self.where, self.waits_on, self.came_to_read = "waiting", f"token-{self.tokens}", False
        self.timeout = self.now + timedelta(seconds=WITHIN + 300)
        if crash:
            return
        given = asked(rule=self.rule, token=self.waits_on)
        fresh, evidence = prepare(given, at=self.now)
        token = self.waits_on.encode()
        if not self.table.open(fresh, requests.opened(fresh), snapshot=evidence, token=token):
            self.table.change(
                fresh.approval_id,
                lambda standing: requests.ask_again(standing, fresh, at=self.now),
                snapshot=evidence,
                token=token,
            )
        standing = self.table.get(fresh.approval_id)
        if standing.status == "PENDING" and standing.announced_at is None:
            announce(self.table, self.bus, given, standing, URL)  # type: ignore[arg-type]

    def _send_task_success(self, token: str, _: str) -> bool:
        if self.where != "waiting" or token != self.waits_on:
            return False
        self.goes_to_read()
        return True

    def goes_to_read(self) -> None:
        self.where, self.came_to_read = "reading", True

    def _whereabouts(self, _: str) -> str:
        """It may be redriven between the resumer's look at it and its note of that."""
        where = "past" if self.came_to_read else self.where
        if where == "gone" and self.redriven_meanwhile:
            self.is_redriven(crash=False)
        return where

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

    @initialize(
        counts=st.sampled_from([{"quality": 1, "security": 1}, {"quality": 2}, {"quality": 1}]),
        reminds=st.booleans(),
        tell_each=st.booleans(),
        given=st.lists(st.tuples(st.sampled_from(sorted(GROUP_OF)), st.sampled_from(TAKERS)), max_size=3),
    )
    def begins(self, counts: dict[str, int], reminds: bool, tell_each: bool, given: list[tuple[str, str]]) -> None:
        later = {"remind_after": 3600, "escalate_after": 7200, "escalate_to": "finance"} if reminds else {}
        self.rule = ruling(requirements=asks(**counts), decide_within=WITHIN, **later)
        members = {
            group: {subject: f"{subject}@example.com" for subject, who in PEOPLE.items() if group in who.groups}
            for group in ("quality", "security", "finance")
        }
        self.people = People(self, members, wanted=tell_each)
        self.telling = telling.Telling(
            self.table,
            SimpleNamespace(all=lambda **_: self.delegations.values()),  # type: ignore[arg-type]
            topic=self.people,  # type: ignore[arg-type]
            queue=self.people,  # type: ignore[arg-type]
            mail=self.people,  # type: ignore[arg-type]
            approvals_url=URL,
        )
        for giver, taker in given:
            self.delegates(giver=giver, taker=taker, hours=3)
        self._enter(crash=False)

    @precondition(lambda self: self.where == "waiting")
    @rule(crash=st.booleans())
    def is_retried_with_a_new_token(self, crash: bool) -> None:
        self._enter(crash=crash)

    @precondition(lambda self: self.where == "waiting" and self.now >= self.timeout)
    @rule()
    def times_out(self) -> None:
        self.goes_to_read()

    @precondition(lambda self: self.where == "waiting")
    @rule()
    def is_resumed_by_somebody_who_may_not(self) -> None:
        self.goes_to_read()

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

    # --- the people ----------------------------------------------------------------------------------------------------

    @rule(who=st.sampled_from(sorted(PEOPLE)))
    def opens_the_page(self, who: str) -> None:
        assert self.table.item is not None
        self.seen[who] = self.table.item

    @rule(
        who=st.sampled_from([*PEOPLE, "ada", "sam", "kim"]),
        decision=st.sampled_from(["approve"] * 5 + ["reject"]),
        stale=st.booleans(),
        delegated=st.booleans(),
    )
    def votes(self, who: str, decision: str, stale: bool, delegated: bool) -> None:
        """On the page as it is now, or on the one opened earlier; in one's own name, or by a delegation, if they were given one."""
        assert self.table.item is not None
        page = self.seen.get(who, self.table.item) if stale else self.table.item
        by = self._given(who) if delegated else None
        result = cast(
            page,
            self._with_delegations(PEOPLE[who]),
            ballot(decision, of=page, delegation_id=by),
            at=self.now,
            sign=unsigned,
        )
        if isinstance(result, Accepted):
            self.table.commit(result.step)  # a stale page is overtaken: nothing is written

    @rule(
        who=st.sampled_from(["ada", "kim", "sam", "mal"]),
        delegated=st.booleans(),
        together=st.booleans(),
        crash=st.sampled_from([False, False, True]),
    )
    def votes_through_the_api(self, who: str, delegated: bool, together: bool, crash: bool) -> None:
        """The whole way, alone or as one of several in one act; the Lambda may die before it writes."""
        assert self.table.item is not None
        page = self.seen.get(who, self.table.item)
        self.table.crash_before_write = crash
        try:
            vote_transaction.vote(
                self.table,
                Unsigned(),  # type: ignore[arg-type]
                page.approval_id,
                PEOPLE[who],
                ballot("approve", of=page, delegation_id=self._given(who) if delegated else None),
                together=(bulk.kind(page), 3) if together else None,
            )
        except Crash:
            return
        finally:
            self.table.crash_before_write = False

    # --- delegations ---------------------------------------------------------------------------------------------------

    @rule(
        giver=st.sampled_from(sorted(GROUP_OF)),
        taker=st.sampled_from(TAKERS),
        hours=st.sampled_from([1, 3, 24]),
    )
    def delegates(self, giver: str, taker: str, hours: int) -> None:
        """`giver` may delegate to themselves here: the rules of making one are tested elsewhere, and votes must not rely on them."""
        identity = f"{giver}-{taker}"
        made = delegation(
            PEOPLE[giver],
            PEOPLE[taker],
            GROUP_OF[giver],
            delegation_id=identity,
            created_at=self.now,
            until=self.now + timedelta(hours=hours),
        )
        self.delegations[identity] = made

    @rule(giver=st.sampled_from(sorted(GROUP_OF)), taker=st.sampled_from(TAKERS))
    def ends_a_delegation(self, giver: str, taker: str) -> None:
        standing = self.delegations.get(f"{giver}-{taker}")
        if standing is not None:
            self.delegations[f"{giver}-{taker}"] = replace(standing, ended_at=self.now)

    def stands(self, identity: str) -> bool:
        """What the vote's transaction looks at."""
        standing = self.delegations.get(identity)
        return standing is not None and standing.stands(self.now)

    def _given(self, taker: str) -> str | None:
        """The one they were given last, whether it stands or not."""
        given = [one.delegation_id for one in self.delegations.values() if one.delegate == taker]
        return given[-1] if given else None

    def _with_delegations(self, voter: Voter) -> Voter:
        """As a page read a while ago may hold them: those that have ended are among them."""
        return replace(
            voter, delegations=tuple(one for one in self.delegations.values() if one.delegate == voter.subject)
        )

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

    @rule(crash=st.booleans())
    def schedule_runs(self, crash: bool) -> None:
        """Reminders, escalations, results; and a request that nobody expired."""
        assert self.table.item is not None
        self.table.crash_before_write = crash
        try:
            self.reminding.put_due(self.table.item.approval_id)
        except Crash:
            self.crashes += 1
        finally:
            self.table.crash_before_write = False

    @rule(
        which=st.integers(0, 9),
        again=st.sampled_from([False, False, True]),
        dies_after=st.sampled_from([None, None, "topic", "letters", "mail"]),
    )
    def teller_takes(self, which: int, again: bool, dies_after: Literal["topic", "letters", "mail"] | None) -> None:
        """Any message of the queue, which stays there if the Lambda dies, or is delivered once more."""
        self.people.queue += self.bus.put_so_far[self.delivered :]
        self.delivered = len(self.bus.put_so_far)
        if not self.people.queue:
            return
        message = self.people.queue.pop(which % len(self.people.queue))
        self.people.dies_after = dies_after
        try:
            self.telling.tell(message)
            if again:
                self.people.queue.append(message)
        except Crash:
            self.people.queue.append(message)
        finally:
            self.people.dies_after = None

    @rule(minutes=st.sampled_from([1, 1, 30, 239, 480]))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
