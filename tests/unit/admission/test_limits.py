"""When a knock starts an admission anew, by how the last one ended."""

from datetime import timedelta

import pytest

from tests.pki import NOW
from tests.unit.admission.examples import LIMITS
from workflows.admission.limits import Reopening

REOPENING = Reopening(held_minutes=60, failed_minutes=5)


@pytest.mark.parametrize(
    ("outcome", "minutes"), [("held", 60), ("failed", 5), ("admitted", None), ("refused", None), ("open", None)]
)
def test_only_what_was_held_or_failed_starts_anew(outcome: str, minutes: int | None) -> None:
    expected = None if minutes is None else NOW + timedelta(minutes=minutes)
    assert REOPENING.reopens_at(outcome, NOW) == expected


def test_the_shipped_limits_let_both_start_anew() -> None:
    assert all(LIMITS.reopen.reopens_at(outcome, NOW) for outcome in ("held", "failed"))
