"""Read JSON that somebody else stored: within bounds, or fail with one error.

A file may be huge, nested very deep, not UTF-8, or such that two readers understand it differently. The
standard reader and msgspec both end with `RecursionError` on deep nesting (at 1,000 levels on Python 3.11), take the last of two members
with the same name (RFC 8259 section 4 leaves that open), and the standard one accepts NaN. The functions here do none of this.
"""

import json
import re
from typing import Any, TypeVar, overload

import msgspec

from workflows.errors import BadInput

T = TypeVar("T")

MAX_DEPTH = 100
"""Arrays and objects inside each other. Gatehouse writes at most about 15 levels; an event may have more."""
MAX_OCTETS = 16 * 2**20
"""The largest file that is read, unless the caller sets another limit."""

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""Possessive quantifiers and an optional end, so that it takes one pass over any octets."""
_OPENING, _CLOSING = b"[{", b"]}"


class Unreadable(BadInput):
    """JSON that cannot be read safely, or that is not of the expected type. The message says why."""


@overload
def read(data: bytes | str, kind: type[T], *, most: int = ..., twins: bool = ...) -> T: ...
@overload
def read(data: bytes | str, kind: Any = ..., *, most: int = ..., twins: bool = ...) -> Any: ...
def read(data: bytes | str, kind: Any = Any, *, most: int = MAX_OCTETS, twins: bool = False) -> Any:
    """Read `kind` from JSON of at most `most` octets. Raises only `Unreadable`, whatever `data` holds.

    With `twins`, two members of the same name are not an error here: the caller finds them by comparing `data` with its canonical form.
    """
    return decoded(data, msgspec.json.Decoder(kind), most=most, twins=twins)


def decoded(data: bytes | str, decoder: msgspec.json.Decoder[T], *, most: int = MAX_OCTETS, twins: bool = False) -> T:
    """As `read`, with a decoder that the caller keeps. Raises `Unreadable`."""
    octets = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    if len(octets) > most:
        raise Unreadable(f"{len(octets):,} octets; expected at most {most:,}")
    if is_deep(octets):
        raise Unreadable(f"arrays and objects are nested more than {MAX_DEPTH} deep")
    try:
        if not octets.isascii():
            octets.decode()  # msgspec does not check the text of a member that it skips
        found = decoder.decode(octets)
        if not twins:
            json.loads(octets, object_pairs_hook=_no_twins)
    except UnicodeDecodeError as error:
        raise Unreadable(f"not UTF-8: {error.reason} at octet {error.start}") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise Unreadable(str(error)) from error
    return found


def is_deep(octets: bytes) -> bool:
    """Whether arrays and objects are nested more than `MAX_DEPTH` deep. It takes one pass, or none if there are few brackets."""
    if octets.count(b"[") + octets.count(b"{") <= MAX_DEPTH:
        return False
    depth = 0
    for octet in _STRING.sub(b"", octets):
        if octet in _OPENING:
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif octet in _CLOSING:
            depth -= 1
    return False


def _no_twins(members: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in members]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise Unreadable(f"two members are named {twice[:60]!r}")
