"""Times as Gatehouse keeps them."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

Moment = Annotated[datetime, Meta(tz=True)]
"""A time with its offset from UTC (RFC 3339). A time without one cannot be compared with others, so reading it fails."""
