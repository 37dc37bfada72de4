"""Values that a browser or a program keeps for us and sends back: cursors, and a sign-in under way. No secret, and no proof of anything."""

import base64
from typing import TypeVar

import msgspec

from workflows import stored

T = TypeVar("T")


def write(value: object) -> str:
    """`value` as letters that fit into an address or a cookie."""
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).decode().rstrip("=")


def read(text: str, kind: type[T]) -> T | None:
    """What `write` made; None if it is not of our making. It may be a stranger's all the same: `kind` has to be strict."""
    try:
        given = text.encode()
        return stored.read(base64.urlsafe_b64decode(given + b"=" * (-len(given) % 4)), kind)
    except (ValueError, stored.Unreadable):
        return None
