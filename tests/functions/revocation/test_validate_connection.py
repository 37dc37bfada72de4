"""What AWS IoT is answered on a connect, by what the CA's current list says."""

import base64
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from functions.revocation.validate_connection import ca_certificates
from functions.revocation.validate_connection.app import handler
from tests import aws_environment, faults, pki
from tests.functions.revocation.conftest import Office


@pytest.fixture(params=["allow", "deny"])
def on_unknown(request: pytest.FixtureRequest, office: Office, monkeypatch: pytest.MonkeyPatch) -> str:
    assert office
    ca_certificates.forget()
    monkeypatch.setenv("ON_UNKNOWN", request.param)
    chosen: str = request.param
    return chosen


def connects(*chain: str) -> bool:
    """The event as the developer guide shows it."""
    event = {
        "connectionMetadata": {"id": "1"},
        "principalId": "0" * 64,
        "serverName": "iot.example.com",
        "clientCertificateChain": list(chain),
    }
    answer: dict[str, Any] = aws_environment.call(handler, event)
    assert list(answer) == ["isAuthenticated"]
    return bool(answer["isAuthenticated"])


def certificate(office: Office, serial: int) -> str:
    return pki.pem(pki.device(office.ca, serial=serial))


def test_good_is_let_through_and_revoked_is_not(office: Office, on_unknown: str) -> None:
    assert on_unknown
    office.publish(office.revoking(7))
    assert connects(certificate(office, 8), office.ca.pem)
    assert not connects(certificate(office, 7), office.ca.pem)


def test_base64_of_der_is_read_too(office: Office, on_unknown: str) -> None:
    assert on_unknown
    office.publish(office.revoking(7))
    der = x509.load_pem_x509_certificate(certificate(office, 7).encode()).public_bytes(Encoding.DER)
    assert not connects(base64.b64encode(der).decode())


def test_without_a_list_that_counts_the_operator_has_decided(
    office: Office, on_unknown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.publish(office.revoking(7))
    aws_environment.set_clock(monkeypatch, pki.NOW + timedelta(days=8))
    assert connects(certificate(office, 8)) is (on_unknown == "allow")


def test_a_stranger_is_unknown_even_with_a_chain_of_its_own(office: Office, on_unknown: str) -> None:
    """The CA that the client sends along is the client's own claim."""
    office.publish(office.revoking(7))
    stranger = pki.authority("Stranger", subject=office.ca.certificate.subject, private_key=pki.key("stranger"))
    assert connects(pki.pem(pki.device(stranger, serial=8)), stranger.pem) is (on_unknown == "allow")


def test_two_keys_under_one_name_are_told_apart(office: Office, on_unknown: str) -> None:
    assert on_unknown
    second = pki.authority("Second", subject=office.ca.certificate.subject, private_key=pki.key("second"))
    other = aws_environment.register_ca(second)
    office.publish(office.revoking(7))
    aws_environment.publish_crl(pki.revocation_list(second, [8]), other)
    assert connects(pki.pem(pki.device(second, serial=7)))
    assert not connects(pki.pem(pki.device(second, serial=8)))
    assert not connects(certificate(office, 7))


def test_an_outage_is_unknown(office: Office, on_unknown: str) -> None:
    office.publish(office.revoking(7))
    with faults.refused("s3", "GetObject", "SlowDown", times=99, status=503):
        assert connects(certificate(office, 7)) is (on_unknown == "allow")


@pytest.mark.parametrize(
    "chain", [[], [""], ["garbage"], ["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"], ["ÿ"]]
)
def test_what_is_no_certificate_is_never_let_through(on_unknown: str, chain: list[str]) -> None:
    assert on_unknown
    assert not connects(*chain)


def test_attack_another_certificate_below_issuers_blinds_nobody(office: Office, on_unknown: str) -> None:
    assert on_unknown
    office.publish(office.revoking(7))
    office.write(f"issuers/{office.ca_id}.pem", pki.authority("Other").pem.encode())
    office.write(f"issuers/{'b' * 64}.pem", office.ca.pem.encode())
    office.write("issuers/readme.txt", b"x")
    aws_environment.reset_caches()
    assert connects(certificate(office, 8), office.ca.pem)
    assert not connects(certificate(office, 7), office.ca.pem)
