"""Lists large enough for the fast paths: verified beside a thread, asked again and again, never wrongly good."""

from functools import cache

import pytest
from cryptography import x509

from tests import pki
from tests.crl_der import UNKNOWN, craft, entry, extension, number, reason, utc
from workflows.revocation import Refused, VerifiedList, check, verify_list
from workflows.revocation.verified import _LARGE

ENTRIES = 30_000
FIRST = 1 << 150


@cache
def ca() -> pki.Authority:
    return pki.authority("Large CA")


@cache
def device(serial: int) -> x509.Certificate:
    return pki.device(ca(), serial=serial)


@cache
def run() -> bytes:
    """Thirty thousand entries of four shapes: more than a megabyte."""
    entries = [entry(FIRST + n, *([reason(n % 5)] if n % 3 else [])) for n in range(ENTRIES - 10)]
    entries += [entry(n) for n in range(10)]
    return b"".join(entries)


def status(crl: bytes, serial: int) -> str:
    return check(device(serial), ca().certificate, [crl], pki.NOW).status


def test_large_list() -> None:
    crl = craft(ca(), run())
    assert len(crl) > _LARGE
    for serial in (FIRST, FIRST + 1, FIRST + ENTRIES // 2, FIRST + ENTRIES - 11, 5):
        assert status(crl, serial) == "revoked"
    for serial in (FIRST + ENTRIES, FIRST - 1, 11, 1 << 100):
        assert status(crl, serial) == "good"


def test_large_list_with_a_bad_signature() -> None:
    """The entries may be read before the signature has been checked; they are not believed."""
    crl = craft(ca(), run(), signer=pki.key("stranger"))
    refused = verify_list(crl, ca().certificate)
    assert isinstance(refused, Refused)
    assert (refused.clause, refused.raw) == ("RFC 5280 6.3.3(g)", None)
    assert status(crl, FIRST) == "unknown"


@pytest.mark.parametrize("place", ["first", "last"])
def test_large_list_with_one_bad_entry(place: str) -> None:
    """One critical extension among thirty thousand entries."""
    odd = entry(1 << 80, extension(UNKNOWN, b"\x05\x00", critical=True))
    crl = craft(ca(), odd + run() if place == "first" else run() + odd)
    refused = verify_list(crl, ca().certificate)
    assert isinstance(refused, Refused)
    assert refused.clause == "RFC 5280 5.3"
    assert refused.raw is not None, "the list is authentic, and what it revokes casts doubt"
    assert refused.mentions((FIRST).to_bytes(19, "big"))
    assert status(crl, FIRST + ENTRIES) == "unknown"


def test_large_list_with_a_bad_signature_and_a_bad_entry() -> None:
    """An entry of a list that is not authentic casts no doubt, and the signature is what is reported."""
    odd = entry(1 << 80, extension(UNKNOWN, b"\x05\x00", critical=True))
    refused = verify_list(craft(ca(), odd + run(), signer=pki.key("stranger")), ca().certificate)
    assert isinstance(refused, Refused)
    assert (refused.clause, refused.raw) == ("RFC 5280 6.3.3(g)", None)


def test_kept_list_answers_as_its_octets_do() -> None:
    """Everything about the verdict is the same, at every moment, so a kept list goes stale like any other."""
    crl = craft(ca(), run(), next_update=utc(pki.NOW + pki.HOUR))
    kept = verify_list(crl, ca().certificate)
    assert isinstance(kept, VerifiedList)
    for serial in (FIRST, FIRST + ENTRIES):
        for at in (pki.NOW - pki.DAY, pki.NOW, pki.NOW + pki.HOUR):
            ask = [check(device(serial), ca().certificate, [one], at) for one in (crl, kept)]
            assert ask[0] == ask[1]
    assert check(device(FIRST), ca().certificate, [kept], pki.NOW + pki.HOUR).status == "unknown"


def test_kept_list_of_another_issuer() -> None:
    """A list kept for one CA does not count for another's certificates, nor for a namesake's."""
    kept = verify_list(craft(ca()), ca().certificate)
    assert isinstance(kept, VerifiedList)
    for other in (pki.authority("Other CA"), pki.authority("Large CA", private_key=pki.key("namesake"))):
        verdict = check(pki.device(other), other.certificate, [kept], pki.NOW)
        assert verdict.status == "unknown"
        assert verdict.not_counted[0].clause == "RFC 5280 6.3.3(b)(1)"


def test_kept_list_of_an_issuer_that_may_no_longer_sign_lists() -> None:
    """The CA's certificate was renewed without cRLSign, over the same key."""
    kept = verify_list(craft(ca()), ca().certificate)
    assert isinstance(kept, VerifiedList)
    renewed = pki.authority("Large CA", private_key=ca().key, usage=pki.key_usage(key_cert_sign=True))
    verdict = check(device(1), renewed.certificate, [kept], pki.NOW)
    assert (verdict.status, verdict.not_counted[0].clause) == ("unknown", "RFC 5280 6.3.3(f)")


def test_octets_and_kept_list_are_one_list() -> None:
    crl = craft(ca(), extensions=[number(3)])
    kept = verify_list(crl, ca().certificate)
    assert isinstance(kept, VerifiedList)
    verdict = check(device(1), ca().certificate, [crl, kept], pki.NOW)
    assert (verdict.status, verdict.with_lists, verdict.not_counted) == ("good", (), ())
