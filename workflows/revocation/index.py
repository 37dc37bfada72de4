"""An index of a large revocation list, so that a lookup needs one small ranged read. Format version 1.

All integers are big-endian. ``H`` is SHA-256, ``L`` the SHA-256 of the indexed list's DER, 32 octets.

====== ============ ===================================================================================
offset octets       content
====== ============ ===================================================================================
0      8            ``GHCRLIX1``: magic and version
8      32           ``H`` of the head from offset 40 to its end
40     4            length of the JSON that follows
44     up to 8148   JSON, see :class:`Head`: the list of this index; zeros up to 8192
8192   4096 x 20    the directory: for each bucket the number of records up to its end, and its check
90112  12 x entries records, bucket after bucket
====== ============ ===================================================================================

A *bucket* holds the records of the serials whose hashes share the first 12 bits. Its *check* is the first 16 octets of
``H(L + bucket number as 2 octets + its records)``. A *record* is the first 8 octets of ``H(serial)`` and the entry's
offset in the list's DER (4 octets); ``serial`` is the DER content octets of userCertificate, and ``H`` of it is spread
evenly for all kinds of serials.

Each part is checked against a hash in the part read before it, up to the head, whose own hash is checked too and can be
compared with one stored elsewhere. A changed bit, a truncated file, or an index of another list raises
:class:`CrlIndexUnusable`; the caller then reads the list. Only a whole bucket proves that a serial is not listed.

Reads: one for the head, which stays in memory, then one for each lookup: about 3 KB at a million entries, 16 KB at five million.
A hit needs one more, of the entry itself in the list, whose serial must have that hash.
"""

import hashlib
import struct
from collections.abc import Callable
from typing import Final

import msgspec

from workflows import stored
from workflows.der import DerError
from workflows.errors import BadInput
from workflows.moments import Moment
from workflows.revocation.entries import Entry, read_entry
from workflows.revocation.errors import CrlIndexUnusable
from workflows.revocation.rule import RuleError
from workflows.revocation.scope import Scope, read_scope
from workflows.revocation.verified import ListMeta, VerifiedList

Read = Callable[[int, int], bytes]
"""``read(offset, length)``: returns those octets, or fewer at the end of the file."""

MAGIC: Final = b"GHCRLIX1"
BUCKETS: Final = 4_096
"""The number of values of the hash's first 12 bits. More buckets would make reads smaller and building slower."""
_DIRECTORY: Final = 8_192
_PLACE: Final = struct.Struct(">I16s")
HEAD: Final = _DIRECTORY + BUCKETS * _PLACE.size
"""Octets of the head."""
_RECORD: Final = 12
_ENTRY_READ: Final = 512
"""Octets read from the list on a hit; an entry rarely has more than 100."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The list of an index. Names and extension values are DER in hex."""

    list_sha256: str
    list_size: int
    entries: int
    issuer_key_sha256: str
    issuer: str
    scope: str | None
    """IssuingDistributionPoint."""
    key_identifier: str | None
    """AuthorityKeyIdentifier."""
    number: str
    """cRLNumber, decimal."""
    base: str | None
    """BaseCRLNumber of a delta, decimal."""
    this_update: Moment
    next_update: Moment


class NotIndexable(BadInput, ValueError):  # noqa: N818 - named like those in errors.py
    """The list's names do not fit into an index. The list itself is read instead."""


def build_index(verified: VerifiedList) -> bytes:
    """The index of a verified list, to be stored with one atomic write.

    Raises `NotIndexable` if its names are too long, ValueError if the list is too long.
    """
    meta = verified.meta
    if len(verified.raw.data) >= 1 << 32:
        raise ValueError(f"a list of {len(verified.raw.data)} octets is too long for the offsets of an index")
    binding = bytes.fromhex(meta.sha256)
    buckets = _buckets(verified)
    directory = []
    end = 0
    for number, records in enumerate(buckets):
        end += len(records) // _RECORD
        directory.append(_PLACE.pack(end, _check(binding, number, records)))
    head = Head(
        list_sha256=meta.sha256,
        list_size=len(verified.raw.data),
        entries=end,
        issuer_key_sha256=meta.issuer_key_sha256,
        issuer=meta.issuer.hex(),
        scope=None if meta.scope_value is None else meta.scope_value.hex(),
        key_identifier=None if meta.key_identifier is None else meta.key_identifier.hex(),
        number=str(meta.number),
        base=None if meta.base is None else str(meta.base),
        this_update=meta.this_update,
        next_update=meta.next_update,
    )
    text = msgspec.json.encode(head)
    if len(text) > _DIRECTORY - 44:
        raise NotIndexable(f"the list's names take {len(text)} octets in an index, at most {_DIRECTORY - 44} fit")
    body = struct.pack(">I", len(text)) + text.ljust(_DIRECTORY - 44, b"\0") + b"".join(directory)
    return b"".join([MAGIC, hashlib.sha256(body).digest(), body, *buckets])


def _check(binding: bytes, number: int, records: bytes | bytearray) -> bytes:
    return hashlib.sha256(binding + number.to_bytes(2, "big") + records).digest()[:16]


def _number(digest: bytes) -> int:
    """The number of the bucket for that hash."""
    return digest[0] << 4 | digest[1] >> 4


def _buckets(verified: VerifiedList) -> list[bytearray]:
    """Sorted by the first octet, then by the next four bits: to write to 4,096 places at once is slow, because of cache misses."""
    sha256 = hashlib.sha256
    pack = struct.Struct(">8sI").pack  # the first 8 octets of a hash, an offset
    streams = [bytearray() for _ in range(256)]
    for serial, at in verified.serials():
        digest = sha256(serial).digest()
        streams[digest[0]] += pack(digest, at)
    buckets = []
    while streams:
        stream = bytes(streams.pop(0))
        sixteen = [bytearray() for _ in range(16)]
        for at in range(0, len(stream), _RECORD):
            sixteen[stream[at + 1] >> 4] += stream[at : at + _RECORD]
        buckets += sixteen
    return buckets


class IndexedList:
    """A published list, read through its index: a ``CheckedList`` for :func:`workflows.revocation.check`.

    ``read`` reads the index, ``read_list`` the list it belongs to. ``list_sha256`` is the current list, and
    ``head_sha256`` the head's expected hash, if it was stored when the index was made (:func:`head_sha256`). Every method
    may raise :class:`CrlIndexUnusable`: then read the list itself.
    """

    def __init__(self, read: Read, read_list: Read, *, list_sha256: str, head_sha256: str | None = None) -> None:
        head = read(0, HEAD)
        if len(head) != HEAD or head[:8] != MAGIC:
            raise CrlIndexUnusable(f"not an index of version 1: it begins with {head[:8]!r}, {len(head)} octets")
        digest = hashlib.sha256(head[40:]).digest()
        if digest != head[8:40] or head_sha256 not in {None, digest.hex()}:
            raise CrlIndexUnusable("the index's head is damaged, or not the one that was published")
        self.head, self.meta = _bound(head)
        if self.head.list_sha256 != list_sha256:
            raise CrlIndexUnusable(f"the index is of list {self.head.list_sha256}, expected {list_sha256}")
        self._read = read
        self._read_list = read_list
        self._directory = head[_DIRECTORY:]
        self._binding = bytes.fromhex(list_sha256)

    def find(self, serial: bytes) -> list[Entry]:
        """Every entry for a serial, given as DER content octets; empty if the list has none."""
        digest = hashlib.sha256(serial).digest()
        records = self._bucket(_number(digest))
        prefix = digest[:8]
        offsets = []
        at = records.find(prefix)
        while at >= 0:
            if at % _RECORD == 0:
                offsets.append(int.from_bytes(records[at + 8 : at + _RECORD], "big"))
            at = records.find(prefix, at + 1)
        entries = [self._entry(offset, prefix) for offset in offsets]
        return [entry for entry in entries if entry.serial == serial]

    def _bucket(self, number: int) -> bytes:
        end, check = _PLACE.unpack_from(self._directory, number * _PLACE.size)
        begin = _PLACE.unpack_from(self._directory, (number - 1) * _PLACE.size)[0] if number else 0
        length = (end - begin) * _RECORD
        records = self._read(HEAD + begin * _RECORD, length) if length > 0 else b""
        if len(records) != length or _check(self._binding, number, records) != check:
            raise CrlIndexUnusable(f"bucket {number} of the index is damaged")
        return records

    def _entry(self, offset: int, prefix: bytes) -> Entry:
        """The entry at an offset of the list, checked by its serial's hash."""
        size = self.head.list_size
        delta = self.meta.base is not None
        for length in (_ENTRY_READ, size):  # a few entries are longer
            data = self._read_list(offset, min(length, size - offset)) if offset < size else b""
            try:
                entry = read_entry(data, 0, len(data), delta=delta)
            except (DerError, RuleError):
                continue
            if hashlib.sha256(entry.serial).digest()[:8] == prefix:
                return entry
            break
        raise CrlIndexUnusable(f"the list has no entry at octet {offset} that fits its index")


def head_sha256(index: bytes) -> str:
    """The hash to store beside a new index, and to pass to :class:`IndexedList`."""
    return index[8:40].hex()


def _bound(data: bytes) -> tuple[Head, ListMeta]:
    length = int.from_bytes(data[40:44], "big")
    try:
        head = stored.read(data[44 : 44 + length], Head)
        issuer = bytes.fromhex(head.issuer)
        scope_value = None if head.scope is None else bytes.fromhex(head.scope)
        meta = ListMeta(
            sha256=head.list_sha256,
            issuer_key_sha256=head.issuer_key_sha256,
            issuer=issuer,
            number=int(head.number),
            base=None if head.base is None else int(head.base),
            this_update=head.this_update,
            next_update=head.next_update,
            scope=Scope() if scope_value is None else read_scope(scope_value, issuer),
            scope_value=scope_value,
            key_identifier=None if head.key_identifier is None else bytes.fromhex(head.key_identifier),
        )
    except (stored.Unreadable, ValueError, RuleError) as error:
        raise CrlIndexUnusable(f"the index's head cannot be read: {error}") from error
    return head, meta
