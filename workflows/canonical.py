"""Canonical JSON, one byte sequence for one value: RFC 8785 (JSON Canonicalization Scheme), and the values it can hold."""

import hashlib
from typing import Any, TypeVar

import msgspec
import rfc8785

T = TypeVar("T")

MAX_INTEGER = 2**53 - 1
"""RFC 8785 is I-JSON (RFC 7493 section 2.2): beyond this, readers do not agree on an integer's value."""


def canonical(value: object) -> bytes:
    """The RFC 8785 form of a struct or of JSON types, UTF-8. Values that readers could read differently are first made `storable`."""
    return rfc8785.dumps(storable(msgspec.to_builtins(value)))


def storable(value: Any) -> Any:
    """Returns `value` with everything that readers do not agree on as text: big integers, fractions, NaN, lone surrogates.

    Gatehouse itself writes none of these. An event or a certificate's names may hold them.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {storable(str(key)): storable(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [storable(part) for part in value]
    too_big = isinstance(value, int) and abs(value) > MAX_INTEGER
    return str(value) if too_big or isinstance(value, float) else value


def is_canonical(data: bytes, value: object) -> bool:
    """Whether `data` is what `canonical` writes, given the `value` that `decoder` read from it: no duplicate keys, no other spellings.

    msgspec's sorted encoder writes the same bytes as the reference and is much quicker. Where they differ from `data` (a field that
    the value's type does not know, or a key beyond the BMP, which RFC 8785 sorts by UTF-16 code units), the reference decides.
    """
    if sorted_json(value) == data:
        return True
    try:
        return rfc8785.dumps(msgspec.json.decode(data)) == data
    except (rfc8785.CanonicalizationError, ValueError):  # in a member that the type of `value` does not have
        return False


def sorted_json(value: object) -> bytes:
    """The bytes of RFC 8785, made quickly, for values without fractions and without keys beyond the BMP."""
    return msgspec.json.encode(value, order="sorted")


def sha256(data: bytes) -> str:
    """Lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    """A decoder of `kind` from canonical JSON. It refuses fractions, since sealed files have none."""

    def refuse(text: str) -> float:
        raise ValueError(f"Expected no fraction, got {text}")

    return msgspec.json.Decoder(kind, float_hook=refuse)
