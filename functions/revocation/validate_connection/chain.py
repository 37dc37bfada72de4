"""The chain that AWS IoT passes: strings, the client's certificate first.

It is not documented whether they are PEM or base64 of DER; both are read.
"""

import base64
import binascii
from typing import Annotated, Any

import msgspec
from cryptography import x509
from msgspec import Meta, Struct


class NoCertificate(Struct, frozen=True, kw_only=True):
    """The first string of the chain is not a certificate; `reason` says why."""

    reason: str


class _Connecting(Struct, frozen=True, kw_only=True, rename="camel"):
    client_certificate_chain: Annotated[tuple[Annotated[str, Meta(max_length=65_536)], ...], Meta(min_length=1)]


def leaf(event: Any) -> x509.Certificate | NoCertificate:
    """Returns the client's certificate; the client has proven that it has the key. Raises nothing: the client wrote the event's chain."""
    try:
        text = msgspec.convert(event, _Connecting).client_certificate_chain[0]
        if "-----BEGIN" in text:
            return x509.load_pem_x509_certificate(text.encode("ascii"))
        return x509.load_der_x509_certificate(base64.b64decode(text, validate=True))
    except (msgspec.ValidationError, ValueError, binascii.Error) as error:
        return NoCertificate(reason=f"clientCertificateChain: {error}")
