"""Times as Gatehouse keeps them."""

from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta

Moment = Annotated[datetime, Meta(tz=True)]
"""A time with its offset from UTC (RFC 3339). A time without one cannot be compared with others, so reading it fails."""


def in_utc(moment: datetime) -> str:
    """``2026-11-23 12:00:00 UTC``, whatever the offset. The first and last day that Python has stay as they are."""
    try:
        utc = moment.astimezone(UTC)
    except OverflowError:
        return moment.isoformat()
    return utc.isoformat(sep=" ", timespec="seconds").replace("+00:00", " UTC")
