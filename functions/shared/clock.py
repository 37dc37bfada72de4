"""The one place that asks for the time."""

import time
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> datetime:
    """The current time, aware, in UTC."""
    return datetime.now(UTC)


def milliseconds(moment: datetime) -> int:
    """Milliseconds since the epoch, as AWS IoT's ``timestamp()`` counts."""
    return round(moment.timestamp() * 1000)


def microseconds(moment: datetime) -> int:
    """Microseconds since the epoch, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_microseconds(count: int) -> datetime:
    """The aware UTC time `count` microseconds after the epoch."""
    return _EPOCH + timedelta(microseconds=count)


def sleep(seconds: float) -> None:
    """Wait for `seconds`. Returns at once if it is negative."""
    time.sleep(max(0.0, seconds))
