"""Times as DynamoDB compares and sorts them: as text, which only follows time if every text has the same width."""

from datetime import UTC, datetime


def stamp(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, always 24 characters: ``2026-11-23T12:00:00.000Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
