"""Times for DynamoDB, which compares and sorts them as text. The order is right only if every text has the same width."""

from datetime import UTC, datetime


def stamp(moment: datetime) -> str:
    """Returns the time in RFC 3339, in UTC with milliseconds, always 24 characters: ``2026-11-23T12:00:00.000Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
