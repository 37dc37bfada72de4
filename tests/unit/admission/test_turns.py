"""Turns never come closer than the quota allows, and never wait without need."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from workflows.admission.turns import interval, take


def test_ten_a_second_is_one_every_hundred_milliseconds() -> None:
    assert interval(10) == 100


def test_the_interval_is_rounded_up() -> None:
    assert interval(3) == 334


def test_an_unused_lane_goes_at_once() -> None:
    turn = take(None, 1000, 100)
    assert (turn.at, turn.arrival) == (1000, 1100)


@given(
    steps=st.lists(st.integers(0, 500), min_size=1, max_size=100),
    rate=st.floats(0.1, 1000, allow_nan=False),
)
def test_turns_keep_their_distance_and_their_order(steps: list[int], rate: float) -> None:
    every, now, arrival, given_out = interval(rate), 0, None, []
    for step in steps:
        now += step
        turn = take(arrival, now, every)
        arrival = turn.arrival
        assert turn.at >= now
        given_out.append((now, turn.at))
    for (_, before), (asked, after) in itertools.pairwise(given_out):
        assert after - before >= every
        assert after == max(asked, before + every), "waited without need"
