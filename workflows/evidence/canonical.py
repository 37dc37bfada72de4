"""One byte sequence for one meaning: RFC 8785 (JSON Canonicalization Scheme), and the values it can hold."""

import hashlib
from typing import Any

import msgspec
import rfc8785

MAX_INTEGER = 2**53 - 1
"""RFC 8785 is I-JSON (RFC 7493 section 2.2): beyond this, readers no longer agree on an integer's value."""


def canonical(value: object) -> bytes:
    """The RFC 8785 form of a struct or of JSON types, UTF-8. What readers could read differently is first made `storable`."""
    return rfc8785.dumps(storable(msgspec.to_builtins(value)))


def storable(value: Any) -> Any:
    """`value` with what readers do not agree on written as text: big integers, fractions, NaN, lone surrogates.

    Nothing that Gatehouse itself writes has any of these; an event, or a certificate's names, may.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {storable(str(key)): storable(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [storable(part) for part in value]
    too_big = isinstance(value, int) and abs(value) > MAX_INTEGER
    return str(value) if too_big or isinstance(value, float) else value


def is_canonical(data: bytes) -> bool:
    """Whether `data` is what `canonical` would write: no duplicate key, no fraction, no second spelling of the same thing.

    msgspec's sorted encoder writes the same bytes and is much quicker; only for keys beyond the BMP, which RFC 8785 sorts by UTF-16
    code units, the reference encoder is asked.
    """
    try:
        value = _NO_FRACTION.decode(data)
        return msgspec.json.encode(value, order="sorted") == data or rfc8785.dumps(value) == data
    except (ValueError, rfc8785.CanonicalizationError):
        return False


def sha256(data: bytes) -> str:
    """Lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def _refuse(text: str) -> float:
    raise ValueError(f"{text} is no integer")


_NO_FRACTION = msgspec.json.Decoder(float_hook=_refuse)
