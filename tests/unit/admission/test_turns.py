"""No slot is used twice, no lane waits for more than its share, and no slot is left unused that somebody wanted."""

import heapq
import itertools
from collections import Counter
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lanes import Lanes
from workflows.admission import turns
from workflows.admission.limits import Pacing, Shares
from workflows.admission.turns import LANES, LAPSES_AFTER, Answer, Lane, calendar

SECOND = 1_000_000
NOW = 1_795_435_200 * SECOND
SHARES = Shares(sweep=3, carry_out=2, admission=5)
TEN = calendar(Pacing(calls_per_second=10, shares=SHARES))

shares = st.builds(Shares, sweep=st.integers(1, 5), carry_out=st.integers(1, 5), admission=st.integers(1, 5))
calendars = st.builds(
    lambda rate, parts: calendar(Pacing(calls_per_second=rate, shares=parts)), st.floats(0.5, 500), shares
)


def test_ten_a_second_is_one_every_tenth() -> None:
    assert TEN.every == SECOND // 10


def test_the_interval_is_rounded_up() -> None:
    assert calendar(Pacing(calls_per_second=3, shares=SHARES)).every == 333_334


@given(shares)
def test_a_calendar_gives_every_lane_its_share_and_spreads_it(parts: Shares) -> None:
    owners = calendar(Pacing(calls_per_second=10, shares=parts)).owners
    for lane in LANES:
        share = getattr(parts, lane)
        assert owners.count(lane) == share
        places = [place for place, owner in enumerate(owners * 2) if owner == lane]
        assert max(after - before for before, after in itertools.pairwise(places)) <= 2 * -(-len(owners) // share)


@pytest.mark.parametrize("lane", LANES)
def test_a_lane_alone_has_the_whole_rate(lane: Lane) -> None:
    lanes = Lanes(TEN)
    taken = [lanes.take(lane, NOW) for _ in range(100)]
    assert taken == [NOW + number * TEN.every for number in range(100)]
    assert all(lanes.use(lane, slot, slot) for slot in taken)


def test_an_idle_lane_waits_for_nothing_but_the_grid() -> None:
    lanes = Lanes(TEN)
    assert lanes.take("admission", NOW + 1) == NOW + TEN.every
    assert lanes.take("admission", NOW + 10 * SECOND) == NOW + 10 * SECOND


@given(slots=calendars, queue=st.integers(50, 300), asked=st.integers(1, 20), lane=st.sampled_from(LANES))
def test_a_lane_is_sure_of_its_share_however_long_the_others_queues_are(
    slots: turns.Calendar, queue: int, asked: int, lane: Lane
) -> None:
    lanes = Lanes(slots)
    for other in LANES:
        for _ in range(queue if other != lane else 0):
            lanes.take(other, NOW)
    own = [
        slot for slot in range(slots.next(NOW), NOW + 10_000 * slots.every, slots.every) if slots.owner(slot) == lane
    ]
    for number in range(asked):
        slot = lanes.take(lane, NOW)
        assert slot <= own[number]
        assert lanes.use(lane, slot, slot)


def test_a_lent_turn_is_lost_when_its_owner_needs_it_and_only_then() -> None:
    lanes = Lanes(TEN)
    queue = [lanes.take("admission", NOW) for _ in range(20)]
    assert all(lanes.use("admission", slot, slot) for slot in queue[:10])
    needed = lanes.take("sweep", NOW + SECOND)
    assert needed in queue
    assert TEN.owner(needed) == "sweep"
    assert not lanes.use("admission", needed, needed)
    assert lanes.use("sweep", needed, needed)


def test_a_lent_turn_is_used_by_one_of_those_who_wait_for_it() -> None:
    lanes = Lanes(TEN)
    for lane in ("admission", "carry_out"):
        while TEN.owner(lanes.take(lane, NOW)) != "sweep":
            pass
    slot = lanes.numbers["admission"] - TEN.every
    assert lanes.use("admission", slot, slot)
    assert not lanes.use("carry_out", slot, slot)


def test_a_turn_lapses() -> None:
    lanes = Lanes(TEN)
    slot = lanes.take("admission", NOW)
    assert lanes.use("admission", slot, slot + LAPSES_AFTER)
    assert not lanes.use("admission", slot, slot + LAPSES_AFTER + 1)


class User:
    """Somebody who takes a turn, waits for it and holds it, write by write; `skew` is what is wrong with their clock."""

    def __init__(self, lane: Lane, skew: int) -> None:
        self.lane, self.skew = lane, skew
        self.procedure: Generator[Any, Answer, Any] | None = None
        self.slot: int | None = None
        self.answer: Answer = None
        self.used_at: int | None = None

    def step(self, lanes: Lanes, now: int) -> int:
        """Do the next thing; answers when to be asked again."""
        local = now + self.skew
        if self.procedure is None:
            self.procedure = (
                turns.take(lanes.slots, self.lane, local)
                if self.slot is None
                else turns.use(lanes.slots, self.lane, self.slot, local)
            )
            self.answer = None
        try:
            self.answer = lanes.write(self.procedure.send(self.answer))
        except StopIteration as done:
            self.procedure = None
            if done.value is True:
                self.used_at = now
            elif done.value is False:
                self.slot = None
            else:
                self.slot = done.value
                return max(now, int(done.value) - self.skew)  # until then by their own clock
        return now


users = st.lists(
    st.tuples(st.sampled_from(LANES), st.integers(0, 3 * SECOND), st.integers(-2 * SECOND, 2 * SECOND)),
    min_size=1,
    max_size=60,
)


@given(slots=calendars, wanted=users, delays=st.lists(st.integers(0, SECOND), min_size=1, max_size=50))
def test_no_window_sees_more_turns_than_the_rate_allows_whatever_clocks_and_interleavings(
    slots: turns.Calendar, wanted: list[tuple[Lane, int, int]], delays: list[int]
) -> None:
    lanes, delay = Lanes(slots), itertools.cycle(delays)
    asked = [(NOW + at, number, User(lane, skew)) for number, (lane, at, skew) in enumerate(wanted)]
    heapq.heapify(asked)
    done = []
    while asked:
        now, number, user = heapq.heappop(asked)
        again = user.step(lanes, now)
        if user.used_at is None:
            heapq.heappush(asked, (again + next(delay), number, user))
        else:
            done.append(user)
    used = [(user.slot or 0, user.used_at or 0) for user in done]
    assert max(Counter(slot for slot, _ in used).values()) == 1, "a slot was used twice"
    # So a window sees at most the slots in it, and those whose holders came early or late to it.
    early = max(max(0, slot - at) for slot, at in used)
    late = max(max(0, at - slot) for slot, at in used)
    assert early <= 2 * SECOND, "nobody comes earlier than the clock is wrong"
    moments = sorted(at for _, at in used)
    for first, last in itertools.combinations(range(len(moments)), 2):
        width = moments[last] - moments[first] + early + late
        assert last - first + 1 <= width / slots.every + 1


@given(slots=calendars, queue=st.integers(1, 100), others=st.lists(st.integers(0, 20), max_size=10))
def test_the_quota_is_used_to_the_full_but_for_what_lending_costs(
    slots: turns.Calendar, queue: int, others: list[int]
) -> None:
    """A queue of admissions, and now and then something a person decided: each of these leaves at most two lent slots unused."""
    lanes = Lanes(slots)
    waiting = [(lanes.take("admission", NOW), "admission") for _ in range(queue)]
    arrivals = [NOW + after * slots.every for after in others]
    heapq.heapify(waiting)
    used = []
    while waiting:
        slot, lane = heapq.heappop(waiting)
        for arrival in [arrival for arrival in arrivals if arrival <= slot]:
            arrivals.remove(arrival)
            heapq.heappush(waiting, (lanes.take("carry_out", arrival), "carry_out"))
        if lanes.use(lane, slot, slot):  # type: ignore[arg-type]
            used.append(slot)
        else:
            heapq.heappush(waiting, (lanes.take(lane, slot), lane))  # type: ignore[arg-type]
    done = queue + len(others) - len(arrivals)
    assert len(used) == len(set(used)) == done
    gap = len(slots.owners)
    assert max(used) - slots.next(NOW) <= (done + 2 * len(others) + (gap if others else 0) - 1) * slots.every
