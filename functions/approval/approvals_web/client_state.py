"""Values that a browser or a program stores for Gatehouse and sends back: cursors, and a sign-in that is in progress.

They are not secret, and they prove nothing.
"""

import base64
from typing import TypeVar

import msgspec

from workflows import stored

T = TypeVar("T")


def write(value: object) -> str:
    """Returns `value` as text that is valid in an address and in a cookie."""
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).decode().rstrip("=")


def read(text: str, kind: type[T]) -> T | None:
    """Returns the value that `write` encoded; None if `text` does not have that form. An attacker can also write such text, so `kind` must
    be strict.
    """
    try:
        given = text.encode()
        return stored.read(base64.urlsafe_b64decode(given + b"=" * (-len(given) % 4)), kind)
    except (ValueError, stored.Unreadable):
        return None
