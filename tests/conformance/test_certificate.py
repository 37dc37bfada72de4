"""The device's certificate: malformed ones are ``unknown`` with a reason, never a traceback (RFC 5280 4.1)."""

from datetime import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests import pki
from tests.conformance.conftest import SERIAL, SHARD, Expect, ca
from tests.crl_der import SEQUENCE, algorithm, craft, entry, extension, integer, oid, sign, tlv, utc
from workflows.revocation import check

BASIC_CONSTRAINTS, DISTRIBUTION_POINTS, SUBJECT_KEY = "551d13", "551d1f", "551d0e"


def certificate(
    *extensions: bytes,
    serial: bytes | None = None,
    version: bytes = b"\xa0\x03\x02\x01\x02",
    issuer: bytes | None = None,
    outer: bytes | None = None,
    signer: pki.PrivateKey | None = None,
) -> x509.Certificate:
    """A certificate under the suite's CA, octet by octet."""
    signer = signer or ca().key
    key = pki.key("device").public_key()
    tbs = tlv(
        SEQUENCE,
        version,
        integer(SERIAL) if serial is None else serial,
        algorithm(signer),
        ca().certificate.subject.public_bytes() if issuer is None else issuer,
        tlv(SEQUENCE, utc(pki.NOW - pki.DAY), utc(pki.NOW + pki.DAY)),
        pki.name("odd").public_bytes(),
        key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        tlv(0xA3, tlv(SEQUENCE, *extensions)) if extensions else b"",
    )
    signature = tlv(0x03, b"\0", sign(signer, tbs))
    return x509.load_der_x509_certificate(tlv(SEQUENCE, tbs, outer or algorithm(signer), signature))


def test_control(expect: Expect) -> None:
    """The certificates below are well-formed but for one thing."""
    expect("good", craft(ca()), certificate=certificate())
    expect("revoked", craft(ca(), entry(SERIAL)), certificate=certificate(extension(SUBJECT_KEY, b"\x04\x01\x01")))


def test_false_written_out(expect: Expect) -> None:
    """X.690 11.5: ``cA FALSE`` is the default; ``certificate.extensions`` raises for this one."""
    odd = certificate(extension(BASIC_CONSTRAINTS, b"\x30\x03\x01\x01\x00"))
    verdict = expect("unknown", craft(ca()), certificate=odd)
    assert "BasicConstraints" in verdict.reason


def test_extension_twice(expect: Expect) -> None:
    """RFC 5280 4.2: two distribution points extensions: neither can be believed."""
    points = extension(DISTRIBUTION_POINTS, pki.distribution_points(SHARD).public_bytes())
    expect("unknown", craft(ca()), certificate=certificate(points, points))


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\x30\x00",  # no point at all
        b"\x30\x02\x30\x00",  # a point with nothing in it
        b"\x30\x06\x30\x04\x81\x02\x06\x40",  # a point with reasons only
        b"\x30\x80\x00\x00",  # an indefinite length
        b"\x30\x06\x30\x04\xa0\x02\xa0\x00",  # a name without names
        b"\x05\x00",
    ],
)
def test_distribution_points_malformed(value: bytes, expect: Expect) -> None:
    """RFC 5280 4.2.1.13: they decide which list covers the certificate."""
    expect("unknown", craft(ca()), certificate=certificate(extension(DISTRIBUTION_POINTS, value)))


@pytest.mark.filterwarnings("ignore:Parsed a serial number which wasn't positive")
@pytest.mark.parametrize("serial", [0, -1, -(1 << 80)])
def test_serial_not_positive(serial: int, expect: Expect) -> None:
    """RFC 5280 4.1.2.2 asks for positive serials, and to handle others gracefully."""
    odd = certificate(serial=integer(serial))
    expect("revoked", craft(ca(), entry(serial)), certificate=odd)
    expect("good", craft(ca(), entry(1), entry(255)), certificate=odd)


def test_serial_of_40_octets(expect: Expect) -> None:
    """RFC 5280 4.1.2.2 allows 20; longer ones are compared whole, not cut."""
    serial = 1 << 312
    odd = certificate(serial=integer(serial))
    expect("revoked", craft(ca(), entry(serial)), certificate=odd)
    expect("good", craft(ca(), entry(serial + 1), entry(1 << 152)), certificate=odd)


def test_version_1(expect: Expect) -> None:
    """RFC 5280 4.1.2.1: an old certificate without extensions is read, and covered by a whole list."""
    expect("good", craft(ca()), certificate=certificate(version=b""))
    expect("revoked", craft(ca(), entry(SERIAL)), certificate=certificate(version=b""))


def test_signed_by_another_key(expect: Expect) -> None:
    """The certificate names our CA, and was not signed by it."""
    expect("unknown", craft(ca()), certificate=certificate(signer=pki.key("stranger")))


def test_names_another_issuer(expect: Expect) -> None:
    """The certificate was signed by our CA's key in another CA's name."""
    expect("unknown", craft(ca()), certificate=certificate(issuer=pki.name("Other CA").public_bytes()))


def test_two_signature_algorithms(expect: Expect) -> None:
    """RFC 5280 4.1.1.2: the algorithm within and the one beside the signature are the same."""
    outer = tlv(SEQUENCE, oid("2a8648ce3d040303"))
    expect("unknown", craft(ca()), certificate=certificate(outer=outer))


def test_issuer_malformed(expect: Expect) -> None:
    """An issuer's certificate that cannot be read makes every certificate unknown."""
    odd = certificate(extension(BASIC_CONSTRAINTS, b"\x30\x03\x01\x01\x00"))
    expect("unknown", craft(ca()), issuer=odd)


def test_naive_moment() -> None:
    """A moment without a time zone is a mistake of the caller's."""
    with pytest.raises(ValueError, match="time zone"):
        check(certificate(), ca().certificate, [], datetime(2026, 11, 23))  # noqa: DTZ001
