"""A list is refused before it is published if it would not count, and the clause is named."""

from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from gatehouse import revocation_lists
from gatehouse.revocation_lists import ListRefused
from tests import pki

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CA = pki.authority()


@pytest.mark.parametrize(
    ("unusual", "clause"),
    [
        ({"next_update": AT - pki.HOUR, "this_update": AT - pki.DAY}, "RFC 5280 5.1.2.5"),
        ({"this_update": AT + pki.HOUR}, "RFC 5280 5.1.2.4"),
        ({"this_update": AT - 46 * pki.DAY}, "profile: age"),
        ({"number": None}, "RFC 5280 5.2.3"),
        ({"signer": pki.key("another")}, "RFC 5280 6.3.3"),
    ],
)
def test_list_that_would_not_count_is_refused_with_its_clause(unusual: dict[str, Any], clause: str) -> None:
    with pytest.raises(ListRefused, match=clause):
        revocation_lists.require_acceptable(pki.revocation_list(CA, **unusual), CA.certificate, at=AT)


def test_list_of_another_ca_is_refused() -> None:
    with pytest.raises(ListRefused, match=r"RFC 5280 6\.3\.3"):
        revocation_lists.require_acceptable(pki.revocation_list(pki.authority("Another")), CA.certificate, at=AT)


def test_pem_is_converted() -> None:
    der = pki.revocation_list(CA, [7])
    pem = x509.load_der_x509_crl(der).public_bytes(serialization.Encoding.PEM)
    assert revocation_lists.to_der(pem) == der
    assert revocation_lists.to_der(b"\n" + pem) == der
    assert revocation_lists.to_der(der) == der


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"<!DOCTYPE html><html>", "HTML"),
        (b"  \n<html>", "HTML"),
        (CA.pem.encode(), "expected -----BEGIN X509 CRL-----"),
        (b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", "cannot be read"),
    ],
)
def test_what_is_no_list_is_named(data: bytes, expected: str) -> None:
    with pytest.raises(ListRefused, match=expected):
        revocation_lists.to_der(data)


@pytest.mark.parametrize("data", [b"", b"garbage", b"\x30\x80"])
def test_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(ListRefused, match="RFC 5280"):
        revocation_lists.require_acceptable(revocation_lists.to_der(data), CA.certificate, at=AT)
