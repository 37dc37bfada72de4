"""JSON that one party stored and another reads: read within bounds, or refused with one error.

Whoever may write a file may write one that is huge, nested without end, not UTF-8, or that two readers understand differently. The
standard reader and msgspec both end with `RecursionError` on deep nesting (at 1,000 levels on Python 3.11), take the last of two members
of one name (RFC 8259 section 4 leaves that open), and the standard one takes NaN. Nothing here does.
"""

import json
import re
from typing import Any, TypeVar, overload

import msgspec

from workflows.errors import BadInput

T = TypeVar("T")

MAX_DEPTH = 100
"""Arrays and objects inside each other. The deepest that Gatehouse writes has some 15; an event may be nested by whoever published it."""
MAX_OCTETS = 16 * 2**20
"""Of one file. What may be larger says so where it is read."""

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""Possessive, and with an end that may be missing: it takes one pass over any octets."""
_OPENING, _CLOSING = b"[{", b"]}"


class Unreadable(BadInput):
    """JSON that cannot be read safely, or not as what it should be. The message says why."""


@overload
def read(data: bytes | str, kind: type[T], *, most: int = ..., twins: bool = ...) -> T: ...
@overload
def read(data: bytes | str, kind: Any = ..., *, most: int = ..., twins: bool = ...) -> Any: ...
def read(data: bytes | str, kind: Any = Any, *, most: int = MAX_OCTETS, twins: bool = False) -> Any:
    """`kind` from JSON of at most `most` octets. Raises `Unreadable` and nothing else, whatever `data` holds.

    With `twins`, two members of one name are left for the caller to find: what has one form only (RFC 8785) is compared with that form.
    """
    return decoded(data, msgspec.json.Decoder(kind), most=most, twins=twins)


def decoded(data: bytes | str, decoder: msgspec.json.Decoder[T], *, most: int = MAX_OCTETS, twins: bool = False) -> T:
    """The same with a decoder that is kept. Raises `Unreadable`."""
    octets = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    if len(octets) > most:
        raise Unreadable(f"{len(octets):,} octets; expected at most {most:,}")
    if is_deep(octets):
        raise Unreadable(f"arrays and objects are nested more than {MAX_DEPTH} deep")
    try:
        if not octets.isascii():
            octets.decode()  # msgspec looks at no text of a member that it skips
        found = decoder.decode(octets)
        if not twins:
            json.loads(octets, object_pairs_hook=_no_twins)
    except UnicodeDecodeError as error:
        raise Unreadable(f"not UTF-8: {error.reason} at octet {error.start}") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise Unreadable(str(error)) from error
    return found


def is_deep(octets: bytes) -> bool:
    """Whether arrays and objects are nested more than `MAX_DEPTH` deep. One pass, and none over what has few of them."""
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
