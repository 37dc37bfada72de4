"""Hashes as Gatehouse writes them."""

from typing import Annotated

from msgspec import Meta

Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]  # not $, which lets a line end through
"""Lower-case hex."""


def beginning(certificate_id: str) -> str:
    """The first four hex digits, the key of the index `by_prefix`: 65,536 keys, so that no partition is large or hot."""
    return certificate_id[:4]
