"""A round takes each walk once, page after page, rests, and goes on where it was left."""

from datetime import timedelta

import pytest

from tests import pki
from workflows.admission.limits import Reconciling
from workflows.reconciliation import rounds
from workflows.reconciliation.findings import GRACE, KINDS

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize("name", rounds.ROUNDS)
def test_a_round_walks_every_walk_page_by_page_and_ends(name: rounds.Round) -> None:
    """The first walk has one page, the second two, and so on."""
    cursor, seen = rounds.begin(name, pki.NOW), []
    expected = [
        (walk, None if page == 0 else str(page))
        for number, walk in enumerate(rounds.WALKS[name])
        for page in range(number + 1)
    ]
    for following in [*(page for _, page in expected[1:]), None]:
        seen.append((cursor.walk, cursor.page))
        cursor = rounds.after(cursor, following, pki.NOW + DAY)
    assert seen == expected
    assert (cursor.walk, cursor.round_began) == (None, pki.NOW)


def test_a_walk_that_begins_later_drops_what_was_seen_before_it_and_not_before_the_round() -> None:
    cursor = rounds.after(rounds.begin("fleet", pki.NOW), None, pki.NOW + DAY)
    assert (cursor.walk_began, cursor.round_began) == (pki.NOW + DAY, pki.NOW)


def test_a_round_rests_until_it_is_due_and_one_under_way_never_does() -> None:
    under_way = rounds.after(rounds.begin("fleet", pki.NOW), "2", pki.NOW)
    assert rounds.due(under_way, "fleet", pki.NOW + 5 * DAY, DAY) == under_way
    done = rounds.Cursor(round="fleet", round_began=pki.NOW, walk=None, walk_began=pki.NOW)
    assert rounds.due(done, "fleet", pki.NOW + DAY - timedelta(seconds=1), DAY) is None
    assert rounds.due(done, "fleet", pki.NOW + DAY, DAY) == rounds.begin("fleet", pki.NOW + DAY, done)
    assert rounds.due(None, "fleet", pki.NOW, DAY) == rounds.begin("fleet", pki.NOW)


def test_how_often_the_fleet_is_walked_is_the_operators_to_say() -> None:
    limits = Reconciling(fleet_every_hours=7, calls_per_second=1, one_in=1, returned_within_hours=1)
    assert rounds.every("fleet", limits) == timedelta(hours=7)
    assert rounds.every("arrivals", limits) < 5 * MINUTE < rounds.every("tables", limits)


def test_each_round_looks_as_far_back_as_the_last_one_left_to_it() -> None:
    """The last one judged no certificate younger than `GRACE`, and its next run comes five minutes later, more or less a few seconds."""
    first = rounds.begin("arrivals", pki.NOW)
    assert first.since == pki.NOW - rounds.FIRST_LOOK
    over = rounds.after(rounds.after(first, None, pki.NOW + MINUTE), None, pki.NOW + MINUTE)
    second = rounds.due(over, "arrivals", pki.NOW + 5 * MINUTE - timedelta(seconds=2), rounds.ARRIVALS_EVERY)
    assert second is not None
    assert (second.since, second.number) == (pki.NOW - GRACE, 1)


@pytest.mark.parametrize("one_in", [1, 2, 7])
def test_each_subject_is_asked_for_in_one_of_so_many_rounds(one_in: int) -> None:
    for subject in (f"pump-{number}" for number in range(50)):
        assert sum(rounds.is_selected(subject, number, one_in) for number in range(3, 3 + one_in)) == 1


def test_every_kind_of_finding_is_found_by_one_walk() -> None:
    found = [kind for walks in rounds.WALKS.values() for walk in walks for kind in rounds.FINDS[walk]]
    assert sorted(found) == sorted(KINDS)
