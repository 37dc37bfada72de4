"""What becomes the current list, what is kept aside, and what a new list changes."""

from datetime import datetime, timedelta
from functools import cache

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import pki
from tests.crl_der import craft, delta, entry, integer, issuing_point, number, reason, utc
from workflows.revocation.publication import Acceptance, Accepted, Limits, Rejected, accept, compare, slot

NOW = pki.NOW


@cache
def ca() -> pki.Authority:
    return pki.authority("Publishing CA")


def crl(*entries: bytes, at: int = 1, hours: float = 1, more: tuple[bytes, ...] = ()) -> bytes:
    return craft(ca(), *entries, extensions=[number(at), *more], this_update=utc(NOW - timedelta(hours=hours)))


def taken(
    data: bytes, previous: Accepted | None = None, limits: Limits | None = None, at: datetime = NOW
) -> Acceptance:
    answer = accept(data, ca().certificate, at, previous, limits or Limits())
    assert isinstance(answer, Acceptance), answer
    return answer


def kept_aside(
    data: bytes, previous: Accepted | None = None, limits: Limits | None = None, at: datetime = NOW
) -> Rejected:
    answer = accept(data, ca().certificate, at, previous, limits or Limits())
    assert isinstance(answer, Rejected), answer
    return answer


def test_first_list() -> None:
    one = crl(entry(1), at=7)
    record = taken(one).record
    assert (record.number, record.scope, record.delta, record.size) == ("7", "complete", False, len(one))
    assert msgspec.json.decode(msgspec.json.encode(record), type=Accepted) == record


def test_rollback() -> None:
    """RFC 5280 5.2.3: a lower number, and the same number on another list."""
    previous = taken(crl(at=7)).record
    assert kept_aside(crl(at=6), previous).clause == "RFC 5280 5.2.3"
    assert "given to another list" in kept_aside(crl(entry(1), at=7), previous).reason
    assert taken(crl(at=8), previous).record.number == "8"


def test_same_list_again() -> None:
    """A publication that was interrupted is repeated."""
    one = crl(at=7)
    assert taken(one, taken(one).record).record.sha256 == taken(one).record.sha256


def test_higher_number_issued_earlier() -> None:
    previous = taken(crl(at=7, hours=1)).record
    assert "issued before" in kept_aside(crl(at=8, hours=2), previous).reason


def test_record_of_another_scope() -> None:
    """Handing in the wrong record is a mistake of the caller's, not the list's."""
    previous = taken(crl(more=(issuing_point("http://a/"),))).record
    with pytest.raises(ValueError, match="another issuer key or scope"):
        accept(crl(), ca().certificate, NOW, previous)


def test_out_of_time() -> None:
    assert kept_aside(crl(), at=NOW - pki.DAY).clause == "RFC 5280 5.1.2.4"
    assert kept_aside(crl(), at=NOW + 7 * pki.DAY).clause == "RFC 5280 5.1.2.5"
    assert kept_aside(crl(hours=49), limits=Limits(max_age=timedelta(hours=48))).clause == "profile: age"


def test_limits() -> None:
    refused = kept_aside(crl(), limits=Limits(max_size=10))
    assert (refused.clause, refused.sha256) == ("profile: size", None)


def test_list_that_breaks_a_rule() -> None:
    """Reported with the clause, and with its hash, by which it is kept aside."""
    refused = kept_aside(crl() + b"\0")
    assert refused.clause == "RFC 5280 5.1 (DER)"
    assert refused.sha256 is not None
    assert msgspec.json.decode(msgspec.json.encode(refused), type=Rejected) == refused


def test_issuer_may_not_sign_lists() -> None:
    """RFC 5280 6.3.3 (f)."""
    issuer = pki.authority("Certificates only", usage=pki.key_usage(key_cert_sign=True))
    answer = accept(craft(issuer), issuer.certificate, NOW)
    assert isinstance(answer, Rejected)
    assert answer.clause == "RFC 5280 6.3.3(f)"


def test_naive_moment() -> None:
    with pytest.raises(ValueError, match="time zone"):
        accept(crl(), ca().certificate, datetime(2026, 11, 23))  # noqa: DTZ001


def test_one_place_for_each_scope() -> None:
    """A shard or a delta never takes the place of the complete list."""
    lists = [crl(), crl(more=(issuing_point("http://a/"),)), crl(more=(issuing_point("http://b/"),))]
    lists.append(crl(at=2, more=(delta(1),)))
    slots = [slot(taken(one).verified.meta) for one in lists]
    assert len(set(slots)) == 4
    assert slot(taken(crl(entry(1), at=9)).verified.meta) == slots[0]


def test_freshness() -> None:
    record = taken(crl(hours=1)).record
    assert record.goes_stale_at(Limits()) == record.next_update == NOW + 7 * pki.DAY
    assert record.goes_stale_at(Limits(max_age=pki.DAY)) == NOW + 23 * pki.HOUR


SERIALS = st.sets(st.one_of(st.integers(0, 400), st.integers(1 << 150, (1 << 150) + 20)), max_size=30)


@given(before=SERIALS, after=SERIALS)
@settings(max_examples=60)
def test_changes_are_the_differences(before: set[int], after: set[int]) -> None:
    old = taken(crl(*map(entry, sorted(before)))).verified
    new = taken(crl(*map(entry, sorted(after)), at=2)).verified
    changes = compare(old, new)
    assert [one.serial for one in changes.newly_revoked] == [integer(n)[2:] for n in sorted(after - before)]
    assert set(changes.released) == {integer(n)[2:] for n in before - after}


def test_first_list_revokes_all_it_names() -> None:
    changes = compare(None, taken(crl(entry(1, reason(6)), entry(2))).verified)
    assert [(one.serial, one.reason) for one in changes.newly_revoked] == [
        (b"\x01", "certificateHold"),
        (b"\x02", "unspecified"),
    ]
    assert changes.released == ()


def test_serial_listed_twice_changes_once() -> None:
    old = taken(crl(entry(1))).verified
    changes = compare(old, taken(crl(entry(1), entry(1), entry(2), entry(2), at=2)).verified)
    assert [one.serial for one in changes.newly_revoked] == [b"\x02"]
    assert changes.released == ()


def test_delta_releases_only_what_it_says() -> None:
    """RFC 5280 5.2.4: a delta that no longer repeats an entry has not released it."""
    first = taken(crl(entry(1, reason(6)), entry(2), at=2, more=(delta(1),))).verified
    second = taken(crl(entry(1, reason(8)), entry(3), at=3, more=(delta(1),))).verified
    changes = compare(first, second)
    assert [one.serial for one in changes.newly_revoked] == [b"\x03"]
    assert changes.released == (b"\x01",)
    again = taken(crl(entry(1, reason(1)), at=4, more=(delta(1),))).verified
    assert [one.serial for one in compare(second, again).newly_revoked] == [b"\x01"]
