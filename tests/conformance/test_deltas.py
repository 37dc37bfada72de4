"""Deltas: with their base, without it, in sequence, and against it (RFC 5280 5.2.4, 6.3.3 (c))."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from tests import pki
from tests.conformance.conftest import SERIAL, SHARD, Expect, ca, sharded_device
from tests.crl_der import (
    DELTA_INDICATOR,
    FRESHEST,
    craft,
    delta,
    entry,
    extension,
    integer,
    issuing_point,
    key_identifier,
    number,
    reason,
    utc,
)

NOW = pki.NOW
CLAUSE = "RFC 5280 5.2.4"
HOLD, REMOVE, COMPROMISE = reason(6), reason(8), reason(1)


def base(
    *entries: bytes, at: int = 10, more: Sequence[bytes] = (), hours: float = 24, until: datetime | None = None
) -> bytes:
    return craft(
        ca(),
        *entries,
        extensions=[key_identifier(ca()), number(at), *more],
        this_update=utc(NOW - timedelta(hours=hours)),
        next_update=None if until is None else utc(until),
    )


def change(*entries: bytes, at: int = 12, since: int = 10, more: Sequence[bytes] = (), hours: float = 1) -> bytes:
    return craft(
        ca(),
        *entries,
        extensions=[key_identifier(ca()), number(at), delta(since), *more],
        this_update=utc(NOW - timedelta(hours=hours)),
    )


def test_delta_alone(expect: Expect) -> None:
    """RFC 5280 5.2.4: a delta alone is not a list, whether it names the certificate or not."""
    expect("unknown", change(), clause=CLAUSE)
    expect("unknown", change(entry(SERIAL)), clause=CLAUSE)


def test_delta_and_base(expect: Expect) -> None:
    """RFC 5280 6.3.3 (i) to (k): what either revokes is revoked; the base need not announce its deltas."""
    verdict = expect("good", base(), change())
    assert verdict.governing is not None
    assert (verdict.governing.number, verdict.governing.delta_base) == ("12", "10")
    assert [one.number for one in verdict.with_lists] == ["10"]
    expect("revoked", base(), change(entry(SERIAL)))
    expect("revoked", base(entry(SERIAL)), change())
    expect("revoked", change(entry(SERIAL)), base())


def test_base_newer_than_the_delta_says(expect: Expect) -> None:
    """RFC 5280 6.3.3 (c): the base's number may be above BaseCRLNumber."""
    expect("revoked", base(at=11), change(entry(SERIAL), since=10))
    expect("good", base(entry(SERIAL, HOLD), at=11), change(entry(SERIAL, REMOVE), since=10))


def test_base_older_than_the_delta_says(expect: Expect) -> None:
    """RFC 5280 5.2.4: with a base before BaseCRLNumber changes are missing: the delta does not count."""
    expect("good", base(at=9), change(since=10), clause=CLAUSE)
    expect("revoked", base(entry(SERIAL, HOLD), at=9), change(entry(SERIAL, REMOVE), since=10), clause=CLAUSE)


def test_delta_without_its_base_revokes(expect: Expect) -> None:
    """It does not count; but its CA has said so, after the list that could be used: no doubt is better than good."""
    expect("unknown", base(at=9), change(entry(SERIAL), since=10), clause=CLAUSE)


def test_complete_list_newer_than_the_delta(expect: Expect) -> None:
    """RFC 5280 5.2.4: a later complete list has superseded the delta."""
    newer = base(at=13, hours=0.5)
    expect("good", newer, change(entry(SERIAL)), clause=CLAUSE)
    expect("revoked", base(entry(SERIAL), at=13, hours=0.5), change(entry(SERIAL, REMOVE)), clause=CLAUSE)


def test_complete_list_and_delta_of_one_number_disagree(expect: Expect) -> None:
    """RFC 5280 5.2.4: they must say the same; if they do not, nothing is known."""
    expect("unknown", base(at=12, hours=1), change(entry(SERIAL), at=12), clause=CLAUSE)


def test_release_of_a_hold(expect: Expect) -> None:
    """RFC 5280 5.3.1: removeFromCRL undoes a hold."""
    expect("good", base(entry(SERIAL, HOLD)), change(entry(SERIAL, REMOVE)))


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 5, 9, 10])
def test_release_of_anything_else(code: int, expect: Expect) -> None:
    """RFC 5280 5.3.1: only a hold can be undone."""
    expect("revoked", base(entry(SERIAL, reason(code))), change(entry(SERIAL, REMOVE)))


def test_release_without_a_reason_on_the_base(expect: Expect) -> None:
    """RFC 5280 5.3.1: an entry without a reason is no hold."""
    expect("revoked", base(entry(SERIAL)), change(entry(SERIAL, REMOVE)))


def test_release_of_what_was_not_held(expect: Expect) -> None:
    """RFC 5280 5.2.4: held and released since the base was issued."""
    expect("good", base(), change(entry(SERIAL, REMOVE)))


def test_release_beside_a_revocation(expect: Expect) -> None:
    """One delta that does both: a contradiction revokes."""
    for entries in ((entry(SERIAL, REMOVE), entry(SERIAL, COMPROMISE)), (entry(SERIAL, HOLD), entry(SERIAL, REMOVE))):
        expect("revoked", base(entry(SERIAL, HOLD)), change(*entries))


def test_deltas_in_sequence(expect: Expect) -> None:
    """RFC 5280 5.2.4: by their numbers, whatever order they are given in."""
    hold = change(entry(SERIAL, HOLD), at=11, hours=3)
    release = change(entry(SERIAL, REMOVE), at=12, hours=2)
    again = change(entry(SERIAL, COMPROMISE), at=13, hours=1)
    expect("good", base(), hold, release)
    expect("good", release, hold, base())
    expect("revoked", base(), hold)
    expect("revoked", again, release, hold, base())


def test_hold_after_a_revocation_is_no_hold(expect: Expect) -> None:
    """Revoked for good on the base, held by one delta, released by the next: still revoked."""
    hold = change(entry(SERIAL, HOLD), at=11, hours=3)
    release = change(entry(SERIAL, REMOVE), at=12, hours=2)
    expect("revoked", base(entry(SERIAL, COMPROMISE)), hold, release)


def test_delta_on_a_delta(expect: Expect) -> None:
    """RFC 5280 5.2.4: a base brought up to date counts as the complete list of the delta's number."""
    expect("revoked", base(), change(at=11, hours=2), change(entry(SERIAL), at=12, since=11))
    expect("unknown", base(), change(entry(SERIAL), at=12, since=11), clause=CLAUSE)


def test_base_is_stale(expect: Expect) -> None:
    """RFC 5280 6.3.3: a fresh delta does not refresh a base whose nextUpdate has passed."""
    expect("unknown", base(until=NOW), change(), clause="RFC 5280 5.1.2.5")


def test_delta_is_stale(expect: Expect) -> None:
    """RFC 5280 6.3.3 (c): the base counts alone, unless the stale delta had revoked the certificate."""
    stale = craft(ca(), extensions=[number(11), delta(10)], this_update=utc(NOW - pki.HOUR), next_update=utc(NOW))
    expect("good", base(), stale, clause="RFC 5280 5.1.2.5")
    revoking = craft(
        ca(),
        entry(SERIAL),
        extensions=[number(11), delta(10)],
        this_update=utc(NOW - pki.HOUR),
        next_update=utc(NOW),
    )
    expect("unknown", base(), revoking, clause="RFC 5280 5.1.2.5")


def test_scopes_of_delta_and_base_differ(expect: Expect) -> None:
    """RFC 5280 6.3.3 (c)(2): the same issuing distribution point, or none on either."""
    point = issuing_point(SHARD)
    ours = sharded_device()
    expect("revoked", base(more=[point]), change(entry(SERIAL), more=[point]), certificate=ours)
    expect("good", base(), change(more=[point]), certificate=ours, clause=CLAUSE)
    expect("unknown", change(), base(more=[issuing_point("http://other/")]), certificate=ours, clause=CLAUSE)
    release = change(entry(SERIAL, REMOVE), more=[point])
    expect("revoked", base(entry(SERIAL, HOLD)), release, certificate=ours, clause=CLAUSE)


def test_key_identifiers_of_delta_and_base_differ(expect: Expect) -> None:
    """RFC 5280 6.3.3 (c)(3): the same authority key identifier, or none on either."""
    release = craft(ca(), entry(SERIAL, REMOVE), extensions=[number(12), delta(10)])
    expect("revoked", base(entry(SERIAL, HOLD)), release, clause=CLAUSE)


def test_delta_indicator_not_critical(expect: Expect) -> None:
    """RFC 5280 5.2.4: it is critical, so that nobody takes a delta for a complete list."""
    plain = extension(DELTA_INDICATOR, integer(10))
    expect("unknown", craft(ca(), extensions=[number(12), plain]), clause=CLAUSE)


@pytest.mark.parametrize("value", [b"\x02\x02\x00\x0a", b"\x02\x01\xff", b"\x05\x00", b"", b"\x02\x15\x01" + bytes(20)])
def test_base_number_malformed(value: bytes, expect: Expect) -> None:
    """RFC 5280 5.2.4: BaseCRLNumber is a CRLNumber."""
    expect("unknown", craft(ca(), extensions=[number(12), extension(DELTA_INDICATOR, value, critical=True)]))


def test_delta_not_above_its_base(expect: Expect) -> None:
    """RFC 5280 5.2.4: deltas and complete lists share one sequence of numbers."""
    expect("unknown", change(at=10, since=10), base(at=9, until=NOW), clause=CLAUSE)


def test_delta_announces_deltas(expect: Expect) -> None:
    """RFC 5280 5.2.6: freshestCRL must not stand in a delta."""
    expect("good", base(), change(more=[extension(FRESHEST, b"\x30\x00")]), clause="RFC 5280 5.2.6")


def test_delta_older_than_its_base(expect: Expect) -> None:
    """A higher number with an earlier date: it releases nothing."""
    release = change(entry(SERIAL, REMOVE), hours=48)
    expect("revoked", base(entry(SERIAL, HOLD)), release, clause=CLAUSE)
