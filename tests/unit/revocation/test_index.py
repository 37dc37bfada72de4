"""The index: the same answers as its list, few reads, and no answer at all once anything about it is wrong."""

import hashlib
from collections.abc import Callable
from functools import cache

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import pki
from tests.crl_der import UNKNOWN, craft, entry, extension, integer, issuing_point, number, reason, utc
from workflows.revocation import VerifiedList, check, verify_list
from workflows.revocation import index as index_module
from workflows.revocation.errors import CrlIndexUnusable
from workflows.revocation.index import HEAD, IndexedList, build_index, head_sha256

ENTRIES = 3_000
LONG = 7 << 100
"""A serial whose entry is longer than what is first read on a hit."""


@cache
def ca() -> pki.Authority:
    return pki.authority("Indexed CA")


@cache
def crl() -> bytes:
    entries = [entry(n * n + 1, *([reason(1)] if n % 2 else [])) for n in range(ENTRIES)]
    return craft(ca(), *entries, entry(LONG, extension(UNKNOWN, bytes(2_000)), reason(4)), extensions=[number(41)])


@cache
def verified() -> VerifiedList:
    one = verify_list(crl(), ca().certificate)
    assert isinstance(one, VerifiedList)
    return one


@cache
def index() -> bytes:
    return build_index(verified())


class Reads:
    """Ranged reads of octets in memory, counted."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.made: list[tuple[int, int]] = []

    def __call__(self, offset: int, length: int) -> bytes:
        self.made.append((offset, length))
        return self.data[offset : offset + length]


def opened(data: bytes | None = None, of: bytes | None = None, **options: str) -> IndexedList:
    sha256 = options.pop("list_sha256", verified().meta.sha256)
    return IndexedList(Reads(index() if data is None else data), Reads(of or crl()), list_sha256=sha256, **options)


def content(serial: int) -> bytes:
    return integer(serial)[2:]


@given(
    serial=st.one_of(st.integers(0, ENTRIES**2 + 5), st.integers(0, ENTRIES).map(lambda n: n * n + 1), st.just(LONG))
)
@settings(max_examples=300)
def test_same_answers_as_the_list(serial: int) -> None:
    indexed, listed = shared().find(content(serial)), verified().find(content(serial))
    assert [(one.serial, one.date, one.reason) for one in indexed] == [
        (one.serial, one.date, one.reason) for one in listed
    ]


@cache
def shared() -> IndexedList:
    return opened()


def test_bound_to_its_list() -> None:
    """The head says what the list says of itself, so that dates, scope and order are checked at every use."""
    assert opened().meta == verified().meta
    assert opened().head.entries == ENTRIES + 1
    shard = craft(ca(), more=[issuing_point("http://crl.example.com/1.crl")])
    one = verify_list(shard, ca().certificate)
    assert isinstance(one, VerifiedList)
    assert opened(build_index(one), shard, list_sha256=one.meta.sha256).meta == one.meta


def test_verdicts_are_those_of_the_list() -> None:
    """Also once the list has gone stale: an index keeps nothing alive."""
    for serial in (5, 6, LONG):
        device = pki.device(ca(), serial=serial)
        for at in (pki.NOW - pki.DAY, pki.NOW, pki.NOW + 8 * pki.DAY):
            verdict = check(device, ca().certificate, [opened()], at)
            assert verdict == check(device, ca().certificate, [crl()], at)
    assert verdict.status == "unknown"


def test_reads() -> None:
    """Head and bucket when cold, then one small read; one more, of the list's entry, on a hit."""
    read, read_list = Reads(index()), Reads(crl())
    one = IndexedList(read, read_list, list_sha256=verified().meta.sha256)
    assert read.made == [(0, HEAD)]
    assert len(one.find(content(5))) == 1
    assert (len(read.made), len(read_list.made)) == (2, 1)
    assert len(one.find(content(5))) == 1
    assert (len(read.made), len(read_list.made)) == (3, 2)
    assert read.made[-1][1] < 4_096
    assert one.find(content(6)) == []
    assert len(read_list.made) == 2
    assert len(one.find(content(LONG))) == 1
    assert len(read_list.made) == 4


def test_serial_with_the_hash_of_another() -> None:
    """A prefix hit is confirmed against the full serial: 64 bits alike revoke nobody else."""
    digest = hashlib.sha256(content(5)).digest()[:8]
    found = shared()._entry(verified().find(content(5))[0].start, digest)
    assert found.serial == content(5) != content(6)
    with pytest.raises(CrlIndexUnusable, match="no entry"):
        shared()._entry(verified().find(content(5))[0].start, bytes(8))


def test_hit_that_is_another_serial(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if two serials shared their 64 bits: the entry that is found is not ours, and we are not listed."""
    other = verified().find(content(10))
    one = opened()
    monkeypatch.setattr(one, "_entry", lambda _offset, _prefix: other[0])
    assert one.find(content(5)) == []
    assert one.find(content(10)) == other


def spoiled(change: Callable[[bytearray], object]) -> bytes:
    data = bytearray(index())
    change(data)
    return bytes(data)


def ask_all(data: bytes, of: bytes | None = None) -> bool:
    """Whether some answer was refused. Every answer that is given must be right."""
    refused = False
    for serial in (5, 6, 10, 11, LONG, LONG + 1):
        expected = [one.reason for one in verified().find(content(serial))]
        try:
            assert [one.reason for one in opened(data, of).find(content(serial))] == expected
        except CrlIndexUnusable:
            refused = True
    return refused


@given(at=st.integers(0, HEAD - 1), bit=st.integers(0, 7))
@settings(max_examples=150)
def test_any_bit_of_the_head(at: int, bit: int) -> None:
    with pytest.raises(CrlIndexUnusable):
        opened(spoiled(lambda data: data.__setitem__(at, data[at] ^ 1 << bit)))


def test_any_octet_of_a_bucket() -> None:
    """What a lookup reads is checked; what it does not read cannot matter."""
    read = Reads(index())
    IndexedList(read, Reads(crl()), list_sha256=verified().meta.sha256).find(content(5))
    for offset, length in read.made[1:]:
        for at in range(offset, offset + length, max(1, length // 40)):
            one = opened(spoiled(lambda data, at=at: data.__setitem__(at, data[at] ^ 0x10)))  # type: ignore[misc]
            with pytest.raises(CrlIndexUnusable):
                one.find(content(5))


@given(at=st.integers(0, 1 << 24))
@settings(max_examples=60)
def test_cut_short_anywhere(at: int) -> None:
    """A file that was only half written answers nothing, or what is right."""
    data = index()[: at % len(index())]
    if len(data) < HEAD:
        with pytest.raises(CrlIndexUnusable):
            opened(data)
    else:
        ask_all(data)


def test_empty_and_missing_parts() -> None:
    for data in (b"", b"\0" * len(index()), index()[:HEAD], index()[:HEAD] + bytes(len(index()) - HEAD)):
        assert ask_all(data)


def test_bucket_of_another_place() -> None:
    """A bucket's check is over its number and its list, so one cannot stand in for another, nor another list's for it."""
    records = shared()._bucket(index_module._number(hashlib.sha256(content(5)).digest()))
    checks = {
        index_module._check(binding, number, records) for number in (0, 1) for binding in (bytes(32), b"\1" + bytes(31))
    }
    assert len(checks) == 4


def test_directory_that_runs_backwards() -> None:
    """Made by somebody who can write a matching hash: a bucket that would end before it begins is not empty but damaged."""
    data = bytearray(index())
    number = index_module._number(hashlib.sha256(content(5)).digest())
    place = HEAD - (index_module.BUCKETS - number) * 20
    data[place : place + 4] = bytes(4)
    data[8:40] = hashlib.sha256(data[40:HEAD]).digest()
    with pytest.raises(CrlIndexUnusable, match="damaged"):
        opened(bytes(data)).find(content(5))


def test_index_of_another_list() -> None:
    """The index of yesterday's list beside today's."""
    with pytest.raises(CrlIndexUnusable, match="expected"):
        opened(list_sha256="00" * 32)


def test_head_that_was_not_published() -> None:
    """The head's hash, kept when the index was made."""
    assert opened(head_sha256=head_sha256(index())).find(content(6)) == []
    with pytest.raises(CrlIndexUnusable):
        opened(head_sha256="00" * 32)


def test_list_is_not_the_indexed_one() -> None:
    """On a hit the entry is read from the list. A list that was exchanged or cut is noticed, not believed."""
    other = craft(ca(), *[entry(n) for n in range(3_000)])
    for of in (other, crl()[:50], b"\0" * len(crl())):
        with pytest.raises(CrlIndexUnusable, match="no entry"):
            opened(of=of).find(content(5))


def test_index_of_an_empty_list() -> None:
    one = verify_list(craft(ca()), ca().certificate)
    assert isinstance(one, VerifiedList)
    indexed = IndexedList(Reads(build_index(one)), Reads(one.raw.data), list_sha256=one.meta.sha256)
    assert indexed.find(content(5)) == []


def test_serial_listed_twice() -> None:
    one = verify_list(craft(ca(), entry(9, reason(6)), entry(9, reason(1))), ca().certificate)
    assert isinstance(one, VerifiedList)
    indexed = IndexedList(Reads(build_index(one)), Reads(one.raw.data), list_sha256=one.meta.sha256)
    assert sorted(found.reason for found in indexed.find(content(9))) == ["certificateHold", "keyCompromise"]


def test_names_that_do_not_fit() -> None:
    """The head has a fixed size; a list whose names are longer is not indexed."""
    urls = [f"http://crl.example.com/{n}/{'x' * 200}" for n in range(30)]
    one = verify_list(craft(ca(), more=[issuing_point(*urls)], next_update=utc(pki.NOW + pki.DAY)), ca().certificate)
    assert isinstance(one, VerifiedList)
    with pytest.raises(ValueError, match="at most"):
        build_index(one)


def test_device_can_be_asked_by_any_of_the_three() -> None:
    """Octets, a kept list and an index are one list to the checker."""
    device: x509.Certificate = pki.device(ca(), serial=6)
    verdict = check(device, ca().certificate, [crl(), verified(), opened()], pki.NOW)
    assert (verdict.status, verdict.with_lists, verdict.not_counted) == ("good", (), ())
