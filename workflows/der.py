"""A strict reader of DER (X.690 §8 and §10), for the few structures the revocation rules need.

The rules depend on exact bytes: which bytes were signed, where an entry begins, whether two names have the same encoding.
Everything that BER allows and DER forbids is an error: indefinite and non-minimal lengths, padded integers, booleans
other than ``FF``, encoded default values, extra bytes at the end.
"""

import re
from datetime import UTC, datetime
from typing import Final

BOOLEAN: Final = 0x01
INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
NULL: Final = 0x05
OID: Final = 0x06
ENUMERATED: Final = 0x0A
UTC_TIME: Final = 0x17
GENERALIZED_TIME: Final = 0x18
SEQUENCE: Final = 0x30
SET: Final = 0x31

_UTC: Final = re.compile(rb"[0-9]{12}Z")
_GENERALIZED: Final = re.compile(rb"[0-9]{14}Z")


class DerError(ValueError):
    """The bytes are not the DER that was expected. The message says where and why."""


def header(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """Tag, start of content, and end of content of the element at ``at``, which must lie before ``end``."""
    if at + 2 > end:
        raise DerError(f"an element is cut short at byte {at}")
    tag, length = data[at], data[at + 1]
    if tag & 0x1F == 0x1F:
        raise DerError(f"a tag number above 30 at byte {at}")
    start = at + 2
    if length >= 0x80:
        octets = length & 0x7F
        if not octets:
            raise DerError(f"an indefinite length at byte {at}")
        if octets > 8 or start + octets > end:
            raise DerError(f"an impossible length at byte {at}")
        length = int.from_bytes(data[start : start + octets], "big")
        if length < 0x80 or length.bit_length() <= 8 * (octets - 1):
            raise DerError(f"a length that is not the shortest at byte {at}")
        start += octets
    if start + length > end:
        raise DerError(f"an element at byte {at} is longer than the element that holds it")
    return tag, start, start + length


class Reader:
    """A cursor over the elements between two offsets of ``data``. It copies nothing until asked."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes, at: int = 0, end: int | None = None) -> None:
        self.data = data
        self.at = at
        self.end = len(data) if end is None else end

    def __bool__(self) -> bool:
        return self.at < self.end

    def next_is(self, tag: int) -> bool:
        return self.at < self.end and self.data[self.at] == tag

    def take(self, tag: int, what: str) -> "Reader":
        """A cursor over the content of the next element, which must have ``tag``; this cursor moves past it."""
        if not self:
            raise DerError(f"{what} is missing")
        found, start, end = header(self.data, self.at, self.end)
        if found != tag:
            raise DerError(f"{what} has tag {found:02X}, expected {tag:02X}")
        self.at = end
        return Reader(self.data, start, end)

    def element(self, what: str) -> bytes:
        """The next element with its tag and length."""
        if not self:
            raise DerError(f"{what} is missing")
        begin = self.at
        _, _, self.at = header(self.data, begin, self.end)
        return self.data[begin : self.at]

    def content(self) -> bytes:
        """The rest as bytes; the cursor is then at the end."""
        begin, self.at = self.at, self.end
        return self.data[begin : self.end]

    def finish(self, what: str) -> None:
        if self:
            raise DerError(f"{what} has {self.end - self.at} bytes too many")

    def integer(self, what: str) -> bytes:
        """The content octets of an INTEGER, shortest form: two integers are equal exactly when these octets are equal."""
        return shortest_integer(self.take(INTEGER, what).content(), what)

    def boolean(self, tag: int, what: str) -> bool:
        """An optional BOOLEAN DEFAULT FALSE under ``tag``. If it is present, it is TRUE: DER forbids encoding the default."""
        if not self.next_is(tag):
            return False
        if self.take(tag, what).content() != b"\xff":
            raise DerError(f"{what} is not a DER TRUE")
        return True

    def oid(self, what: str) -> bytes:
        """The content octets of an OBJECT IDENTIFIER."""
        content = self.take(OID, what).content()
        if not content or content[-1] & 0x80 or b"\x80" in (content[:1], *_subidentifier_starts(content)):
            raise DerError(f"{what} is not an object identifier")
        return content

    def bits(self, tag: int, what: str) -> frozenset[int]:
        """The numbers of the bits set in a named bit list (trailing zero bits must be cut off, X.690 §11.2.2)."""
        content = self.take(tag, what).content()
        if not content or content[0] > 7 or (len(content) == 1 and content[0]):
            raise DerError(f"{what} is not a bit string")
        unused, octets = content[0], content[1:]
        if octets and not octets[-1] & (1 << unused):
            raise DerError(f"{what} has trailing zero bits")
        if octets and octets[-1] & ((1 << unused) - 1):
            raise DerError(f"{what} has unused bits that are set")
        return frozenset(8 * i + bit for i, octet in enumerate(octets) for bit in range(8) if octet & (0x80 >> bit))

    def time(self, what: str) -> datetime:
        """A Time of RFC 5280 §4.1.2.5 and §5.1.2.4: UTCTime through 2049, GeneralizedTime from 2050 on."""
        if self.next_is(UTC_TIME):
            return utc_time(self.take(UTC_TIME, what).content(), what)
        moment = generalized_time(self.take(GENERALIZED_TIME, what).content(), what)
        if moment.year < 2050:
            raise DerError(f"{what} is a GeneralizedTime before 2050 (RFC 5280 section 5.1.2.4)")
        return moment


def _subidentifier_starts(content: bytes) -> list[bytes]:
    return [content[i : i + 1] for i in range(1, len(content)) if not content[i - 1] & 0x80]


def shortest_integer(content: bytes, what: str) -> bytes:
    if not content:
        raise DerError(f"{what} is an empty integer")
    if len(content) > 1 and (content[0], content[1] >> 7) in ((0x00, 0), (0xFF, 1)):
        raise DerError(f"{what} is not the shortest integer")
    return content


def utc_time(content: bytes, what: str) -> datetime:
    if not _UTC.fullmatch(content):
        raise DerError(f"{what} is not YYMMDDHHMMSSZ")
    year = int(content[:2])
    return _moment(year + (1900 if year >= 50 else 2000), content[2:], what)


def generalized_time(content: bytes, what: str) -> datetime:
    if not _GENERALIZED.fullmatch(content):
        raise DerError(f"{what} is not YYYYMMDDHHMMSSZ")
    return _moment(int(content[:4]), content[4:], what)


def _moment(year: int, rest: bytes, what: str) -> datetime:
    month, day, hour, minute, second = (int(rest[i : i + 2]) for i in range(0, 10, 2))
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise DerError(f"{what} is not a date: {error}") from error


def element(tag: int, content: bytes) -> bytes:
    """Encode one element, to compare it with a short form."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def extensions(reader: Reader, what: str) -> dict[bytes, tuple[bool, bytes]]:
    """Extensions by OID: whether critical, and the value's DER. None appears twice (RFC 5280 §4.2)."""
    found: dict[bytes, tuple[bool, bytes]] = {}
    sequence = reader.take(SEQUENCE, what)
    if not sequence:
        raise DerError(f"{what} is empty")
    while sequence:
        one = sequence.take(SEQUENCE, f"an extension in {what}")
        oid = one.oid(f"an extension's name in {what}")
        critical = one.boolean(BOOLEAN, f"an extension's criticality in {what}")
        value = one.take(OCTET_STRING, f"an extension's value in {what}").content()
        one.finish(f"an extension in {what}")
        if oid in found:
            raise DerError(f"extension {dotted(oid)} appears twice in {what}")
        found[oid] = (critical, value)
    return found


def dotted(oid: bytes) -> str:
    """An OBJECT IDENTIFIER's content octets as people write it."""
    arcs, value = [], 0
    for octet in oid:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, [first, arcs[0] - 40 * first, *arcs[1:]]))
