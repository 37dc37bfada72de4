"""Lists of the right key, well encoded, that the profile refuses: dates, numbers, extensions, size, order."""

from datetime import timedelta

import pytest

from tests import pki
from tests.conformance.conftest import SERIAL, Expect, ca
from tests.crl_der import (
    AUTHORITY_KEY_IDENTIFIER,
    CRL_NUMBER,
    FRESHEST,
    UNKNOWN,
    craft,
    entry,
    extension,
    integer,
    key_identifier,
    number,
    utc,
)

HOUR = pki.HOUR
NOW = pki.NOW


def test_stale(expect: Expect) -> None:
    """RFC 5280 6.3.3: a list whose nextUpdate has passed says nothing any more, also about what it revokes."""
    expect("unknown", craft(ca(), next_update=utc(NOW - HOUR / 2)), clause="RFC 5280 5.1.2.5")
    expect("unknown", craft(ca(), entry(SERIAL), next_update=utc(NOW - HOUR / 2)), clause="RFC 5280 5.1.2.5")


def test_boundaries_of_its_time(expect: Expect) -> None:
    """thisUpdate counts in, nextUpdate does not."""
    one = craft(ca(), this_update=utc(NOW), next_update=utc(NOW + HOUR))
    expect("unknown", one, at=NOW - timedelta(microseconds=1), clause="RFC 5280 5.1.2.4")
    expect("good", one, at=NOW)
    expect("good", one, at=NOW + HOUR - timedelta(microseconds=1))
    expect("unknown", one, at=NOW + HOUR, clause="RFC 5280 5.1.2.5")


def test_still_to_come(expect: Expect) -> None:
    """RFC 5280 5.1.2.4: thisUpdate lies in the future."""
    expect("unknown", craft(ca(), this_update=utc(NOW + HOUR)), clause="RFC 5280 5.1.2.4")


def test_next_update_missing(expect: Expect) -> None:
    """RFC 5280 5.1.2.5: a list that never goes stale could be replayed for ever."""
    expect("unknown", craft(ca(), next_update=b""), clause="RFC 5280 5.1.2.5")


@pytest.mark.parametrize("before", [timedelta(0), HOUR])
def test_next_update_not_after_this_update(before: timedelta, expect: Expect) -> None:
    """RFC 5280 5.1.2.5: it can never have been current."""
    moment = NOW - HOUR
    one = craft(ca(), this_update=utc(moment), next_update=utc(moment - before))
    expect("unknown", one, at=moment, clause="RFC 5280 5.1.2.5")


def test_older_than_the_operator_allows(expect: Expect) -> None:
    """One vendor lets lists be valid for 5,000 days: the operator's limit comes on top of nextUpdate."""
    one = craft(ca(), this_update=utc(NOW - 400 * pki.DAY), next_update=utc(NOW + 4600 * pki.DAY))
    expect("unknown", one, max_age=timedelta(days=30), clause="profile: age")
    expect("good", one, max_age=timedelta(days=400))
    expect("good", one)


def test_number_missing(expect: Expect) -> None:
    """RFC 5280 5.2.3: without it a rollback cannot be told."""
    expect("unknown", craft(ca(), extensions=[key_identifier(ca())]), clause="RFC 5280 5.2.3")
    expect("unknown", craft(ca(), wrapped=b""), clause="RFC 5280 5.2.3")


def test_number_critical(expect: Expect) -> None:
    """RFC 5280 5.2.3: cRLNumber is a non-critical extension."""
    spoiled = extension(CRL_NUMBER, integer(1), critical=True)
    expect("unknown", craft(ca(), extensions=[key_identifier(ca()), spoiled]), clause="RFC 5280 5.2.3")


def test_number_of_21_octets(expect: Expect) -> None:
    """RFC 5280 5.2.3: at most 20 octets. One of 20 counts, and is reported whole."""
    expect("unknown", craft(ca(), extensions=[number(1 << 159)]), clause="RFC 5280 5.2.3")
    verdict = expect("good", craft(ca(), extensions=[number((1 << 159) - 1)]))
    assert verdict.governing is not None
    assert verdict.governing.number == str((1 << 159) - 1)


def test_number_negative(expect: Expect) -> None:
    """RFC 5280 5.2.3: CRLNumber is INTEGER (0..MAX)."""
    expect("unknown", craft(ca(), extensions=[number(-1)]), clause="RFC 5280 5.2.3")


@pytest.mark.parametrize("value", [b"\x02\x02\x00\x01", b"\x02\x00", b"\x0a\x01\x01", b"\x02\x01\x01\x00", b""])
def test_number_malformed(value: bytes, expect: Expect) -> None:
    """X.690 8.3.2: one INTEGER in its shortest form, and nothing else."""
    expect("unknown", craft(ca(), extensions=[extension(CRL_NUMBER, value)]), clause="RFC 5280 5.1 (DER)")


def test_number_lower_than_the_last_accepted(expect: Expect) -> None:
    """A replay of an older list that is not stale yet. The same number again is no rollback."""
    seven = craft(ca(), extensions=[number(7)])
    expect("unknown", seven, last_numbers={"complete": 8}, clause="RFC 5280 5.2.3")
    expect("good", seven, last_numbers={"complete": 7})
    expect("good", seven, last_numbers={"another scope": 8})


def test_unknown_critical_extension(expect: Expect) -> None:
    """RFC 5280 5.2: a critical extension that is not understood makes the list unusable."""
    expect("unknown", craft(ca(), more=[extension(UNKNOWN, b"\x05\x00", critical=True)]), clause="RFC 5280 5.2")


def test_unknown_extension(expect: Expect) -> None:
    """RFC 5280 5.2: one that is not critical is ignored."""
    expect("good", craft(ca(), more=[extension(UNKNOWN, b"\x05\x00")]))


def test_unknown_critical_extension_on_another_entry(expect: Expect) -> None:
    """RFC 5280 5.3: on *any* entry; before, on and after the certificate's own, a hit may not return early."""
    odd = entry(SERIAL + 1, extension(UNKNOWN, b"\x05\x00", critical=True))
    for entries in ([odd], [odd, entry(SERIAL)], [entry(SERIAL), odd]):
        expect("unknown", craft(ca(), *entries), clause="RFC 5280 5.3")


def test_key_identifier_critical(expect: Expect) -> None:
    """RFC 5280 4.2.1.1: the authority key identifier is non-critical."""
    value = b"\x30\x00"
    expect("good", craft(ca(), extensions=[extension(AUTHORITY_KEY_IDENTIFIER, value), number()]))
    spoiled = extension(AUTHORITY_KEY_IDENTIFIER, value, critical=True)
    expect("unknown", craft(ca(), extensions=[spoiled, number()]), clause="RFC 5280 5.2.1")


def test_freshest_list_announced(expect: Expect) -> None:
    """RFC 5280 5.2.6: that a delta exists somewhere does not keep the complete list from counting."""
    expect("good", craft(ca(), more=[extension(FRESHEST, b"\x30\x00")]))


def test_newest_list_governs(expect: Expect) -> None:
    """RFC 5280 5.2.3: the list with the higher number, whichever way it changed, in any order given."""
    old = craft(ca(), entry(SERIAL), extensions=[number(1)], this_update=utc(NOW - 2 * HOUR))
    new = craft(ca(), extensions=[number(2)])
    for lists in ((old, new), (new, old)):
        assert expect("good", *lists).governing is not None
        expect("good", *lists, clause="profile: newest")
    clean = craft(ca(), extensions=[number(1)], this_update=utc(NOW - 2 * HOUR))
    revoking = craft(ca(), entry(SERIAL), extensions=[number(2)])
    expect("revoked", clean, revoking)
    expect("revoked", revoking, clean)


def test_numbers_are_compared_as_numbers(expect: Expect) -> None:
    """RFC 5280 5.2.3: 256 is above 255, and a number of 20 octets above one of one."""
    for low, high in ((255, 256), (9, 10), (200, 1 << 150)):
        old = craft(ca(), extensions=[number(low)])
        new = craft(ca(), entry(SERIAL), extensions=[number(high)])
        expect("revoked", new, old)


def test_same_number_twice(expect: Expect) -> None:
    """RFC 5280 5.2.3: two lists of one number contradict each other; the one that revokes is heard."""
    expect("revoked", craft(ca()), craft(ca(), entry(SERIAL)))
    expect("revoked", craft(ca(), entry(SERIAL)), craft(ca()))


def test_number_and_date_disagree(expect: Expect) -> None:
    """A revoking list is not outvoted by one that is older by date, though its number is higher."""
    revoking = craft(ca(), entry(SERIAL), extensions=[number(5)])
    backdated = craft(ca(), extensions=[number(6)], this_update=utc(NOW - pki.DAY))
    expect("revoked", revoking, backdated)


def test_newest_list_is_stale(expect: Expect) -> None:
    """Its successor has been issued: an older list that is not stale yet must not stand in for it."""
    newest = craft(ca(), entry(SERIAL), extensions=[number(9)], next_update=utc(NOW - HOUR / 2))
    older = craft(ca(), extensions=[number(8)], this_update=utc(NOW - 2 * HOUR))
    expect("unknown", newest, older, clause="RFC 5280 5.2.3")


def test_stale_list_beside_its_successor(expect: Expect) -> None:
    """The usual state of a bucket: what the stale list revoked, the current one has released."""
    stale = craft(ca(), entry(SERIAL), this_update=utc(NOW - 2 * HOUR), next_update=utc(NOW - HOUR / 2))
    expect("good", stale, craft(ca(), extensions=[number(2)]), clause="RFC 5280 5.1.2.5")


def test_authentic_list_that_does_not_count_revokes(expect: Expect) -> None:
    """It cannot make the certificate revoked; but its CA has said so, and no older list makes it good."""
    odd = craft(ca(), entry(SERIAL), extensions=[number(2), extension(UNKNOWN, b"\x05\x00", critical=True)])
    expect("unknown", odd, craft(ca()), clause="RFC 5280 5.2")
    newer = craft(ca(), extensions=[number(3)], this_update=utc(NOW))
    expect("good", odd, newer, clause="RFC 5280 5.2")


def test_list_given_twice(expect: Expect) -> None:
    """The same octets are one list."""
    one = craft(ca())
    assert expect("good", one, one).with_lists == ()
