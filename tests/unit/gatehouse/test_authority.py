"""Registering a CA: what is proven to AWS IoT, and what is refused before AWS IoT is asked."""

from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gatehouse.revocation import authorities
from gatehouse.stack.target import Target
from tests import pki
from workflows.errors import BadInput

NOW = datetime.now(UTC)


def ca(**unusual: Any) -> pki.Authority:
    return pki.authority(**{"not_before": NOW - pki.DAY, "not_after": NOW + pki.YEAR, **unusual})


def key_of(found: pki.Authority) -> ec.EllipticCurvePrivateKey:
    assert isinstance(found.key, ec.EllipticCurvePrivateKey)
    return found.key


def test_verification_certificate_proves_the_key_and_names_the_code() -> None:
    found = ca()
    proof = authorities.verification_certificate(found.certificate, key_of(found), "c0de" * 16)
    assert [name.value for name in proof.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["c0de" * 16]
    proof.verify_directly_issued_by(found.certificate)
    assert proof.not_valid_before_utc < datetime.now(UTC) < proof.not_valid_after_utc


def test_certificate_of_a_registered_ca_is_kept(target: Target) -> None:
    found = ca()
    first = authorities.register(target, found.certificate, key_of(found))
    assert first.new
    key = f"issuers/{first.ca.ca_certificate_id}.pem"
    kept = target.client("s3").get_object(Bucket=target.output("CrlBucket"), Key=key)["Body"].read()
    assert kept.decode() == found.pem


@pytest.mark.parametrize(
    ("unusual", "expected"),
    [
        ({"usage": pki.key_usage(crl_sign=True)}, "keyCertSign"),
        ({"not_after": NOW - pki.HOUR}, "does not include now"),
        ({"not_before": NOW + pki.HOUR}, "does not include now"),
    ],
)
def test_certificate_that_could_not_serve_is_refused(unusual: dict[str, Any], expected: str) -> None:
    found = ca(**unusual)
    with pytest.raises(BadInput, match=expected):
        authorities.require_ca(found.certificate, key_of(found), at=NOW)


def test_device_certificate_is_not_taken_for_a_ca() -> None:
    found = ca()
    for extensions, expected in (
        ((), "has no BasicConstraints"),
        (((x509.BasicConstraints(False, None), True),), "cA FALSE"),
    ):
        device = pki.device(found, private_key=found.key, extensions=extensions)
        with pytest.raises(BadInput, match=expected):
            authorities.require_ca(device, key_of(found), at=NOW)


def test_key_of_another_ca_is_refused() -> None:
    with pytest.raises(BadInput, match="does not belong"):
        authorities.require_ca(ca().certificate, key_of(ca(common_name="Another")), at=NOW)


def test_ca_that_may_sign_no_lists_is_warned_about() -> None:
    found = ca(usage=pki.key_usage(key_cert_sign=True))
    (warning,) = authorities.require_ca(found.certificate, key_of(found), at=NOW)
    assert "cRLSign" in warning


def test_encrypted_key_asks_for_its_password() -> None:
    locked = key_of(ca()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    )
    with pytest.raises(authorities.PasswordNeeded):
        authorities.read_key(locked, "ca.key")
    with pytest.raises(BadInput, match="password is wrong"):
        authorities.read_key(locked, "ca.key", b"wrong")
    assert authorities.read_key(locked, "ca.key", b"secret")


@pytest.mark.parametrize("data", [b"", b"<html>", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_or_key_is_named(data: bytes) -> None:
    with pytest.raises(BadInput, match=r"ca\.pem"):
        authorities.read_certificate(data, "ca.pem")
    with pytest.raises(BadInput, match=r"ca\.key"):
        authorities.read_key(data, "ca.key")
