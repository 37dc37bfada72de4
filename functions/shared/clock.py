"""The one place that asks for the time."""

from datetime import UTC, datetime


def now() -> datetime:
    """The current time, aware, in UTC."""
    return datetime.now(UTC)


def milliseconds(moment: datetime) -> int:
    """Milliseconds since the epoch, as AWS IoT's ``timestamp()`` counts."""
    return round(moment.timestamp() * 1000)


def from_milliseconds(count: int) -> datetime:
    """The aware UTC time `count` milliseconds after the epoch."""
    return datetime.fromtimestamp(count / 1000, UTC)
