"""What is plainly no list is not handed in."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from gatehouse.revocation import lists
from gatehouse.revocation.lists import NoList
from tests import pki

CA = pki.authority()


def test_pem_is_converted() -> None:
    der = pki.revocation_list(CA, [7])
    pem = x509.load_der_x509_crl(der).public_bytes(serialization.Encoding.PEM)
    assert lists.to_der(pem) == der
    assert lists.to_der(b"\n" + pem) == der
    assert lists.to_der(der) == der


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
    with pytest.raises(NoList, match=expected):
        lists.to_der(data)
