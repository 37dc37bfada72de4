"""One name for all that knock at once, and another as soon as something new may start."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.admission.examples import CERTIFICATE
from workflows.admission import starting
from workflows.admission.starting import Known

AT = datetime(2026, 11, 23, 12, 7, 31, 250_000, tzinfo=UTC)
NOW = round(AT.timestamp() * 1000)
TIMES = st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(9999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def known(*, reopen_at: int = NOW, attempts: int = 1) -> Known:
    return Known(certificate_id=CERTIFICATE, reopen_at=reopen_at, attempts=attempts)


def test_a_first_knock_is_always_due() -> None:
    assert starting.is_due(None, AT)


@pytest.mark.parametrize(
    ("reopen_at", "due"), [(NOW - 1, True), (NOW, True), (NOW + 1, False), (253402300799000, False)]
)
def test_a_row_is_due_when_its_time_has_come_and_no_millisecond_sooner(reopen_at: int, due: bool) -> None:
    assert starting.is_due(known(reopen_at=reopen_at), AT) is due


@given(at=TIMES, attempts=st.integers(0, 10**9))
def test_a_name_is_one_that_step_functions_takes_and_logs(at: datetime, attempts: int) -> None:
    """At most 80 characters, and of those only what CloudWatch Logs takes too (API reference, StartExecution, `name`)."""
    assert re.fullmatch(r"[0-9A-Za-z_-]{1,80}", starting.name(CERTIFICATE, known(attempts=attempts), at))


@given(at=TIMES, seconds=st.integers(0, 2_000))
def test_names_are_the_same_within_a_quarter_of_an_hour_and_differ_across(at: datetime, seconds: int) -> None:
    later = at + timedelta(seconds=seconds)
    same_quarter = int(at.timestamp() // 900) == int(later.timestamp() // 900)
    assert (starting.name(CERTIFICATE, None, at) == starting.name(CERTIFICATE, None, later)) is same_quarter


def test_names_differ_by_certificate_and_by_attempt() -> None:
    names = {starting.name(CERTIFICATE, row, AT) for row in (None, known(attempts=1), known(attempts=2))}
    other = CERTIFICATE[:31] + ("0" if CERTIFICATE[31] != "0" else "1") + CERTIFICATE[32:]
    assert len(names | {starting.name(other, None, AT)}) == 4


def test_a_row_without_attempts_counts_as_none() -> None:
    """A row that was there before attempts were counted, or that the revocation of its CA made: it has claimed nothing."""
    assert starting.name(CERTIFICATE, known(attempts=0), AT) == starting.name(CERTIFICATE, None, AT)
