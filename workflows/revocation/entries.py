"""The entries of a revocation list (RFC 5280 §5.1.2.6 and §5.3), checked to be well-formed without an object for each.

:func:`tile` proves that a run of bytes is nothing but well-formed entries, one after the other. The slow path reads an
entry at a time. The fast path lets the regular expression engine run over thousands at once: its pattern is a union of
*shapes*, each an exact layout (a number of serial octets, a date, some extensions) that the slow path accepts too. An entry
without a matching shape takes the slow path, so the list affects the speed and never the result.

:func:`find` searches for the serial's bytes and then proves that they are the serial of an entry, by walking from the
nearest boundary that :func:`tile` has noted. The same bytes elsewhere (in a date, an extension, another serial) do not
count. An existing entry cannot be missed, because its serial's bytes are in the list.
"""

import re
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple

from workflows import der
from workflows.der import DerError, Reader
from workflows.revocation import search
from workflows.revocation.rule import RuleError

REASONS: Final = {
    0: "unspecified",
    1: "keyCompromise",
    2: "cACompromise",
    3: "affiliationChanged",
    4: "superseded",
    5: "cessationOfOperation",
    6: "certificateHold",
    8: "removeFromCRL",
    9: "privilegeWithdrawn",
    10: "aACompromise",
}
HOLD: Final = "certificateHold"
REMOVE: Final = "removeFromCRL"

_REASON_CODE: Final = bytes.fromhex("551d15")
_INVALIDITY_DATE: Final = bytes.fromhex("551d18")
_CERTIFICATE_ISSUER: Final = bytes.fromhex("551d1d")

STRIDE: Final = 16_384
"""Bytes between noted boundaries. To prove a match, at most about 400 entries are read."""
_UTC_TIME: Final = re.compile(rb"[0-9]{12}Z")
_GENERALIZED_TIME: Final = re.compile(rb"[0-9]{14}Z")
"""An impossible date, such as 31 February, is noticed only when its entry is looked up: before that the date decides
nothing, and to check every date would take half as long as all other rules together."""

_LEARN_AFTER: Final = 32
_PATIENCE: Final = 1_000
_MOST_SHAPES: Final = 48
_MOST_LOOKALIKES: Final = 256


class Entry(NamedTuple):
    serial: bytes
    """The DER content octets of userCertificate."""
    date: bytes
    """The whole element revocationDate."""
    reason: str
    """CRLReason by name; ``unspecified`` if the entry gives none."""
    start: int
    end: int
    shape: "Shape | None"

    @property
    def revoked_on(self) -> datetime:
        """The time of the revocation. Raises DerError for an impossible date."""
        return Reader(self.date).time("an entry's revocationDate")


class Shape(NamedTuple):
    """An exact layout of an entry that the fast path knows."""

    serial_octets: int
    padded: bool
    """The serial begins with 00, since its next bit is set and would be the sign."""
    extensions: str
    """The order of the extensions: ``R`` reasonCode, ``D`` invalidityDate; empty for none."""


def read_entry(data: bytes, at: int, end: int, *, delta: bool) -> Entry:
    """The entry at ``at``, checked against every rule. Raises DerError or RuleError."""
    cursor = Reader(data, at, end)
    fields = cursor.take(der.SEQUENCE, "an entry")
    serial = fields.integer("an entry's serial number")
    utc = fields.next_is(der.UTC_TIME)
    date = fields.element("an entry's revocationDate")
    if not utc:
        Reader(date).time("an entry's revocationDate")
    elif date[1] != 13 or not _UTC_TIME.fullmatch(date, 2):
        raise DerError("an entry's revocationDate is not YYMMDDHHMMSSZ")
    reason, kinds = "unspecified", ""
    if fields:
        for oid, (critical, value) in der.extensions(fields, "an entry's extensions").items():
            reason = _entry_extension(oid, critical, value, reason, delta=delta)
            kinds += {_REASON_CODE: "R", _INVALIDITY_DATE: "D"}.get(oid, "?")
    fields.finish("an entry")
    usual = utc and "?" not in kinds and len(serial) <= 40 and serial[0] < 0x80
    shape = Shape(len(serial), serial[0] == 0 and len(serial) > 1, kinds) if usual else None
    return Entry(serial, date, reason, at, cursor.at, shape)


def _entry_extension(oid: bytes, critical: bool, value: bytes, reason: str, *, delta: bool) -> str:
    """The entry's reason after this extension."""
    if oid == _CERTIFICATE_ISSUER:
        raise RuleError("RFC 5280 5.3.3", "an entry names another certificate issuer: indirect lists are refused")
    if critical:
        raise RuleError("RFC 5280 5.3", f"an entry has a critical extension, {der.dotted(oid)}")
    if oid == _INVALIDITY_DATE:
        inner = Reader(value)
        if not _GENERALIZED_TIME.fullmatch(inner.take(der.GENERALIZED_TIME, "invalidityDate").content()):
            raise DerError("invalidityDate is not YYYYMMDDHHMMSSZ")
        inner.finish("invalidityDate")
    if oid != _REASON_CODE:
        return reason
    inner = Reader(value)
    code = int.from_bytes(
        der.shortest_integer(inner.take(der.ENUMERATED, "reasonCode").content(), "reasonCode"), "big", signed=True
    )
    inner.finish("reasonCode")
    if code not in REASONS:
        raise RuleError("RFC 5280 5.3.1", f"an entry has reason {code}, which there is not")
    if REASONS[code] == REMOVE and not delta:
        raise RuleError("RFC 5280 5.3.1", "removeFromCRL stands in a list that is not a delta")
    return REASONS[code]


def walk(data: bytes, start: int, end: int, *, delta: bool) -> Iterator[Entry]:
    """Every entry, one after the other: the slow path."""
    while start < end:
        entry = read_entry(data, start, end, delta=delta)
        yield entry
        start = entry.end


def serials(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int]]:
    """Serial and offset of every entry of a range that :func:`tile` has proven, so its lengths are not checked again."""
    while start < end:
        length = data[start + 1]
        if length < 0x80:  # then the lengths inside it are short too; this is nearly every entry
            yield data[start + 4 : start + 4 + data[start + 3]], start
            start += 2 + length
        else:
            _, content, following = der.header(data, start, end)
            _, begin, stop = der.header(data, content, following)
            yield data[begin:stop], start
            start = following


def tile(
    data: bytes, start: int, end: int, *, delta: bool, before_slow: Callable[[], None] = lambda: None
) -> "array[int]":
    """Prove that ``data[start:end]`` is nothing but well-formed entries; return boundaries about ``STRIDE`` apart.

    Raises DerError or RuleError, exactly when :func:`walk` would. ``before_slow`` is called once before many entries have to
    take the slow path, and may raise: a caller should verify the list's signature before that much work.
    """
    boundaries = array("Q", [start])
    if end - start <= STRIDE:
        for _ in walk(data, start, end, delta=delta):
            pass
        return boundaries
    shapes = _sample(data, start, end, delta=delta)
    run = _pattern(shapes)
    missed: Counter[Shape] = Counter()
    slow = 0
    at = start
    while at < end:
        stop = min(at + STRIDE, end)
        reached = at
        if (match := run.match(data, at, stop)) is not None:
            reached = match.end()
        if reached == at or (stop - reached > 64 and reached < end):
            slow += 1
            if slow == _PATIENCE:
                before_slow()
            entry = read_entry(data, reached, end, delta=delta)
            reached = entry.end
            if entry.shape is not None:
                missed[entry.shape] += 1
                if missed[entry.shape] == _LEARN_AFTER and len(shapes) < _MOST_SHAPES and entry.shape not in shapes:
                    shapes = (*shapes, entry.shape)
                    run = _pattern(shapes)
        at = reached
        if at - boundaries[-1] >= STRIDE // 2:
            boundaries.append(at)
    return boundaries


def _sample(data: bytes, start: int, end: int, *, delta: bool) -> tuple[Shape, ...]:
    """The shapes of the first entries, most frequent first, and those with a serial one octet shorter or longer."""
    seen: Counter[Shape] = Counter()
    for entry, _ in zip(walk(data, start, end, delta=delta), range(64), strict=False):
        if entry.shape is not None:
            seen[entry.shape] += 1
    common = [shape for shape, _ in seen.most_common(8)]
    near = [shape._replace(serial_octets=shape.serial_octets + by) for shape in common for by in (-1, 1)]
    return tuple(dict.fromkeys(shape for shape in common + near if shape.serial_octets > shape.padded))


_EXTENSION: Final = {
    # reasonCode, not critical; removeFromCRL (8) takes the slow path, which knows whether this is a delta
    "R": (12, rb"\x30\x0a\x06\x03\x55\x1d\x15\x04\x03\x0a\x01[\x00-\x06\x09\x0a]"),
    # invalidityDate, not critical
    "D": (26, rb"\x30\x18\x06\x03\x55\x1d\x18\x04\x11\x18\x0f[0-9]{14}+Z"),
}


def _shape_pattern(shape: Shape) -> bytes:
    """The pattern after an entry's tag. It matches exactly the entries of that shape."""
    octets, padded, kinds = shape
    body = rb"\x02" + _byte(octets)
    if padded:
        body += rb"\x00[\x80-\xff].{%d}+" % (octets - 2)
    elif octets > 1:
        body += rb"[\x01-\x7f].{%d}+" % (octets - 1)
    else:
        body += rb"[\x00-\x7f]"
    body += rb"\x17\x0d[0-9]{12}+Z"
    size = 2 + octets + 15
    if kinds:
        inner = sum(_EXTENSION[kind][0] for kind in kinds)
        body += rb"\x30" + _byte(inner) + b"".join(_EXTENSION[kind][1] for kind in kinds)
        size += 2 + inner
    return _byte(size) + body


def _byte(value: int) -> bytes:
    return rb"\x%02x" % value


@lru_cache(maxsize=32)
def _pattern(shapes: tuple[Shape, ...]) -> "re.Pattern[bytes]":
    """Matches as many consecutive entries of these shapes as there are. Possessive, so that it does not backtrack and needs no memory."""
    if not shapes:
        return re.compile(rb"(?!)")
    return re.compile(rb"(?s)(?:\x30(?:" + b"|".join(map(_shape_pattern, shapes)) + rb"))*+")


def find(data: bytes, boundaries: "array[int]", end: int, serial: bytes, *, delta: bool) -> list[Entry]:
    """Every entry for ``serial`` (DER content octets) in a range that :func:`tile` has proven."""
    needle = der.element(der.INTEGER, serial)
    entries: list[Entry] = []
    lookalikes = 0
    at = search.find(data, needle, boundaries[0], end)
    while at >= 0:
        entry = _entry_around(data, boundaries, end, at, delta=delta)
        if entry is not None and entry.serial == serial:
            entries.append(entry)
        else:
            lookalikes += 1
        if lookalikes > _MOST_LOOKALIKES:  # a list made to be slow: one full pass costs no more
            return [entry for entry in walk(data, boundaries[0], end, delta=delta) if entry.serial == serial]
        at = search.find(data, needle, at + 1, end)
    return entries


def _entry_around(data: bytes, boundaries: "array[int]", end: int, at: int, *, delta: bool) -> Entry | None:
    """The entry whose serial is exactly at ``at``, or None."""
    start = boundaries[bisect_right(boundaries, at) - 1]
    while True:
        _, content, following = der.header(data, start, end)
        if at < following:
            return read_entry(data, start, end, delta=delta) if content == at else None
        start = following
