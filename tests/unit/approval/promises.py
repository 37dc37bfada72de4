"""What must hold in the `world` of one admission at every moment, and once nobody acts any more."""

from datetime import timedelta
from itertools import permutations

from hypothesis.stateful import invariant

from tests.unit.approval.world import GROUP_OF, PEOPLE, WITHIN, World
from workflows.approval import notices, wording
from workflows.approval.events import message_kind
from workflows.approval.quorum import is_met
from workflows.approval.request import Outcome, Request
from workflows.approval.signature import SignedVote

OUTCOMES: tuple[Outcome, ...] = ("approved", "rejected", "expired", "not_carried_out")
RESULTS = {message_kind(one) for one in OUTCOMES}
RESULT_HEADS = {wording.HEADS[one] for one in OUTCOMES}


class Promised(World):
    """The world, looked at after each act; at the end it is wound down and must have come to rest."""

    def teardown(self) -> None:
        try:
            if self.table.item is not None:
                self._wind_down()
        finally:
            super().teardown()

    @invariant()
    def approved_only_by_a_quorum_of_the_right_people_in_time(self) -> None:
        request = self.table.item
        if request is None or request.status != "APPROVED":
            return
        assert is_met(request.ruling, request.approvals, requested_at=request.requested_at)
        assert self._different_people_and_rights_fill_every_place(request)
        assert all(vote.voted_at < request.decide_by for vote in request.votes)
        assert not any(vote.decision == "reject" for vote in request.votes)

    @invariant()
    def whoever_entered_the_device_decides_in_no_way(self) -> None:
        if self.table.item is not None:
            assert not {"erin"} & {name for vote in self.table.item.votes for name in (vote.subject, vote.right_holder)}

    @invariant()
    def one_vote_a_person_and_one_a_right(self) -> None:
        votes = self.table.item.votes if self.table.item is not None else ()
        assert len({vote.subject for vote in votes}) == len({vote.right_holder for vote in votes}) == len(votes)
        for vote in votes:
            if vote.on_behalf_of is None:
                assert set(vote.groups) <= set(PEOPLE[vote.subject].groups)
            else:
                assert vote.groups == (GROUP_OF[vote.right_holder],)
                assert vote.voted_at < vote.on_behalf_of.until

    @invariant()
    def no_event_is_put_more_often_than_it_crashed(self) -> None:
        request = self.table.item
        if request is None:
            return
        expected = {
            "Approval reminder": request.reminded_at is not None,
            "Approval escalated": request.escalated_at is not None,
            "Approval decided": request.told in {"approved", "rejected"},
            "Approval expired": request.told == "expired",
        }
        for kind, noted in expected.items():
            assert self.bus.counts[kind] >= noted, kind
        due = sum(self.bus.counts.values()) - self.bus.counts["Approval requested"]
        assert due <= self.crashes + sum(expected.values()) + 2 * (request.told is not None)

    @staticmethod
    def _different_people_and_rights_fill_every_place(request: Request) -> bool:
        """By trying everything, as one would on paper."""
        places = [part.group for part in request.ruling.requirements for _ in range(part.count)]

        def fills(vote: SignedVote, group: str) -> bool:
            stands_in = "finance" in vote.groups and vote.voted_at - request.requested_at >= timedelta(seconds=7200)
            return group in vote.groups or (request.ruling.escalate_to == "finance" and stands_in)

        return any(
            len({vote.subject for vote in seated}) == len({vote.right_holder for vote in seated}) == len(places)
            and all(fills(vote, group) for vote, group in zip(seated, places, strict=True))
            for seated in permutations(request.approvals, len(places))
        )

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
            assert request.told == "not_carried_out" or notices.due(request) is not None

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
            self.schedule_runs(crash=False)
            if self.where == "reading":
                self._read()
            self.now += timedelta(seconds=WITHIN + 301)
            if self.where == "waiting" and self.now >= self.timeout:
                self.goes_to_read()
        self.resumer_runs(crash=False, redriven=False)
        self.schedule_runs(crash=False)
        self.teller_takes(which=0, again=False, dies_after=None)
        while self.people.queue:
            self.teller_takes(which=0, again=False, dies_after=None)
        self._everybody_was_told()
        request = self.table.item
        assert request is not None
        assert request.resume_state != "OWED"
        assert request.status != "PENDING"
        assert notices.due(request) is None
        assert request.told is not None or request.resume_state == "LOST"
        if self.where == "done":
            assert self.told[-1] == request.status
            assert request.resume_state == "DELIVERED" or request.status == "APPROVED"
            if request.resume_state == "LOST":
                assert (request.lost_because or "").endswith("read the decision after execute_by.")
        elif request.status in {"APPROVED", "REJECTED"}:
            assert self.where == "gone"  # which raises an alarm of its own
            assert self.came_to_read or request.resume_state == "LOST"

    def _everybody_was_told(self) -> None:
        """What became of the request, at least once, on the topic and each who was asked by themselves."""
        request = self.table.item
        assert request is not None
        outcome = notices.outcome(request)
        assert outcome is not None
        results = [one.kind for one in self.people.on_topic if one.kind in RESULTS]
        assert results
        if outcome == "not_carried_out":
            assert results[-1] == "approval_not_carried_out"
        if not self.people.wanted:
            assert self.people.mails == {}
            return
        asked = {
            one
            for group in notices.groups(request, outcome, at=self.now)
            for one in PEOPLE
            if group in PEOPLE[one].groups
        }
        for subject in asked - notices.left_out(request, outcome):
            heads = [one.partition(":")[0] for one in self.people.mails[f"{subject}@example.com"]]
            assert any(head in RESULT_HEADS for head in heads), subject
            if outcome == "not_carried_out":
                assert heads[-1] == wording.HEADS[outcome], subject
