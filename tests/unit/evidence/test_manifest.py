"""Which days are sealed, and when."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from workflows.evidence.manifest import due, key_of

TODAY = date(2026, 11, 23)
DAY = timedelta(days=1)


def test_the_day_that_is_over_is_sealed() -> None:
    assert due(TODAY - 2 * DAY, TODAY - 9 * DAY, TODAY) == [TODAY - DAY]


def test_nights_that_failed_are_made_good() -> None:
    assert due(TODAY - 4 * DAY, TODAY - 9 * DAY, TODAY) == [TODAY - 3 * DAY, TODAY - 2 * DAY, TODAY - DAY]


def test_the_first_manifest_is_of_the_first_day_that_has_files() -> None:
    assert due(None, TODAY - 2 * DAY, TODAY) == [TODAY - 2 * DAY, TODAY - DAY]


def test_an_empty_bucket_has_no_manifest() -> None:
    assert due(None, None, TODAY) == []


@given(st.integers(min_value=-5, max_value=40), st.integers(min_value=-5, max_value=40))
def test_never_a_day_twice_nor_one_that_is_not_over(last: int, first: int) -> None:
    days = due(TODAY - last * DAY, TODAY - first * DAY, TODAY)
    assert all(TODAY - last * DAY < day < TODAY for day in days)
    assert days == sorted(set(days))


def test_the_names_of_manifests_sort_as_their_days() -> None:
    assert key_of(date(2026, 9, 30)) < key_of(date(2026, 10, 1)) < key_of(date(2027, 1, 1))
