"""Times as Gatehouse keeps them."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

Moment = Annotated[datetime, Meta(tz=True)]
"""A time that says its distance from UTC (RFC 3339). One without cannot be compared with others, so it is refused where it is read."""
