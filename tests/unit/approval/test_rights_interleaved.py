"""The same world as in `test_interleavings`, with nothing going on but rights that change hands and people who use them.

There everything happens, and a delegated vote seldom comes to pass; here nearly every run has some.
"""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.approval.promises import Promised
from tests.unit.approval.world import GROUP_OF, TAKERS

GIVERS = st.sampled_from(sorted(GROUP_OF))
PEOPLE = st.sampled_from(TAKERS)
VOTE = st.fixed_dictionaries(
    {"who": PEOPLE, "decision": st.just("approve"), "stale": st.booleans(), "delegated": st.booleans()}
)
THROUGH_THE_API = st.fixed_dictionaries(
    {
        "who": st.sampled_from(["ada", "kim", "sam", "mal"]),
        "delegated": st.booleans(),
        "together": st.booleans(),
        "crash": st.sampled_from([False, False, True]),
    }
)
GIVE = st.fixed_dictionaries({"giver": GIVERS, "taker": PEOPLE, "hours": st.sampled_from([1, 3])})
END = st.fixed_dictionaries({"giver": GIVERS, "taker": PEOPLE})
ACTS = st.one_of(
    st.tuples(st.just("votes"), VOTE),
    st.tuples(st.just("votes"), VOTE),
    st.tuples(st.just("votes_through_the_api"), THROUGH_THE_API),
    st.tuples(st.just("delegates"), GIVE),
    st.tuples(st.just("ends_a_delegation"), END),
    st.tuples(st.just("opens_the_page"), st.fixed_dictionaries({"who": PEOPLE})),
    st.tuples(st.just("time_passes"), st.fixed_dictionaries({"minutes": st.sampled_from([1, 30, 61])})),
)
COUNTS = st.sampled_from([{"quality": 2, "security": 2}, {"quality": 1, "security": 1}, {"quality": 3}])


@settings(max_examples=400, deadline=None)
@given(
    counts=COUNTS,
    given_before=st.lists(st.tuples(GIVERS, PEOPLE), min_size=1, max_size=4),
    acts=st.lists(ACTS, min_size=3, max_size=14),
)
def test_no_order_of_giving_taking_back_and_voting_makes_one_right_two(
    counts: dict[str, int], given_before: list[tuple[str, str]], acts: list[tuple[str, dict[str, Any]]]
) -> None:
    world = Promised()
    try:
        world.begins(counts=counts, reminds=False, tell_each=False, given=given_before)
        for name, how in acts:
            getattr(world, name)(**how)
            world.one_vote_a_person_and_one_a_right()
            world.whoever_entered_the_device_decides_in_no_way()
            world.approved_only_by_a_quorum_of_the_right_people_in_time()
            world.never_two_outcomes()
    finally:
        world.teardown()
