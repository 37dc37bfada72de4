"""Different people for different places."""

from datetime import timedelta
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from tests.approvals import NOW, asks, person, request, ruling
from tests.records import vote
from workflows.admission.contracts import Ruling
from workflows.approval.quorum import is_met, progress
from workflows.approval.signature import SignedVote


def approvals(*voters: tuple[str, ...], at: timedelta = timedelta()) -> list[SignedVote]:
    """One approval each by somebody of these groups."""
    return [vote(f"person-{n}", groups=groups, voted_at=NOW + at) for n, groups in enumerate(voters)]


def met(rule: Ruling, votes: list[SignedVote]) -> bool:
    return is_met(rule, votes, requested_at=NOW)


def test_one_of_each() -> None:
    assert met(ruling(), approvals(("quality",), ("security",)))
    assert not met(ruling(), approvals(("quality",), ("quality",)))
    assert not met(ruling(), approvals(("security",)))


def test_somebody_in_both_groups_fills_one_place_only() -> None:
    assert not met(ruling(), approvals(("quality", "security")))


def test_the_order_of_votes_makes_no_difference() -> None:
    both, quality = ("quality", "security"), ("quality",)
    for order in permutations(approvals(both, quality)):
        assert met(ruling(), list(order))


def test_somebody_counted_twice_counts_once() -> None:
    (same,) = approvals(("quality",))
    assert not met(ruling(requirements=asks(quality=2)), [same, same])


def test_nobody_asked_is_never_met() -> None:
    assert not met(ruling(requirements=()), approvals(("quality",), ("security",)))
    assert not met(ruling(requirements=asks(quality=0)), approvals(("quality",)))


def test_progress_shows_the_best_use_of_the_votes() -> None:
    parts = progress(
        ruling(requirements=asks(quality=2, security=1)),
        approvals(("quality", "security"), ("quality",)),
        requested_at=NOW,
    )
    assert sum(part.received for part in parts) == 2
    assert [(part.group, part.count) for part in parts] == [("quality", 2), ("security", 1)]


def test_escalation_lets_others_stand_in_only_from_then_on() -> None:
    rule = ruling(requirements=asks(quality=1), escalate_after=3600, escalate_to="managers")
    assert not met(rule, approvals(("managers",), at=timedelta(seconds=3599)))
    assert met(rule, approvals(("managers",), at=timedelta(seconds=3600)))


GROUPS = ("quality", "security", "safety")
people = st.lists(st.lists(st.sampled_from(GROUPS), min_size=1, max_size=3, unique=True).map(tuple), max_size=5)
wanted = st.dictionaries(st.sampled_from(GROUPS), st.integers(1, 2), min_size=1, max_size=3)


@given(voters=people, counts=wanted)
def test_met_exactly_if_different_people_can_fill_every_place(
    voters: list[tuple[str, ...]], counts: dict[str, int]
) -> None:
    places = [group for group, count in counts.items() for _ in range(count)]
    possible = any(
        all(place in groups for place, groups in zip(places, seated, strict=False))
        for seated in permutations(voters, len(places))
    )
    assert met(ruling(requirements=asks(**counts)), approvals(*voters)) == possible


def test_the_builders_agree_on_who_is_asked() -> None:
    assert person().groups == ("quality",)
    assert request().ruling == ruling()
