"""Hashes as Gatehouse writes them."""

from typing import Annotated

from msgspec import Meta

Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]  # not $, which lets a line end through
"""Lower-case hex."""
