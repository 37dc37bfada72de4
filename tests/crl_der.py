"""Revocation lists written out octet by octet, for what no library would sign.

:func:`craft` makes a correct list; a case replaces the part that is to be wrong. The signature is over whatever results,
so that nothing but that part can be the reason why a list does not count.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from tests import pki

SEQUENCE, INTEGER, OCTET_STRING, OID, ENUMERATED = 0x30, 0x02, 0x04, 0x06, 0x0A
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18

ECDSA_SHA256 = "2a8648ce3d040302"
RSA_SHA256 = "2a864886f70d01010b"
ED25519 = "2b6570"

AUTHORITY_KEY_IDENTIFIER = "551d23"
CRL_NUMBER = "551d14"
DELTA_INDICATOR = "551d1b"
ISSUING_POINT = "551d1c"
FRESHEST = "551d2e"
REASON_CODE = "551d15"
INVALIDITY_DATE = "551d18"
CERTIFICATE_ISSUER = "551d1d"
UNKNOWN = "2b06010401838e2101"


def tlv(tag: int, *content: bytes) -> bytes:
    """One element with the shortest length."""
    inner = b"".join(content)
    size = len(inner)
    if size < 0x80:
        return bytes([tag, size]) + inner
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + inner


def integer(value: int) -> bytes:
    return tlv(INTEGER, value.to_bytes((value + (value < 0)).bit_length() // 8 + 1, "big", signed=True))


def utc(moment: datetime) -> bytes:
    return tlv(UTC_TIME, f"{moment:%y%m%d%H%M%S}Z".encode())


def generalized(moment: datetime) -> bytes:
    return tlv(GENERALIZED_TIME, f"{moment:%Y%m%d%H%M%S}Z".encode())


def oid(content: str) -> bytes:
    return tlv(OID, bytes.fromhex(content))


def extension(name: str, value: bytes, *, critical: bool = False) -> bytes:
    return tlv(SEQUENCE, oid(name), b"\x01\x01\xff" if critical else b"", tlv(OCTET_STRING, value))


def number(value: int = 1) -> bytes:
    return extension(CRL_NUMBER, integer(value))


def delta(base: int) -> bytes:
    return extension(DELTA_INDICATOR, integer(base), critical=True)


def key_identifier(issuer: pki.Authority) -> bytes:
    value = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()).public_bytes()
    return extension(AUTHORITY_KEY_IDENTIFIER, value)


def issuing_point(
    *urls: str,
    reasons: Sequence[x509.ReasonFlags] | None = None,
    only: Literal["user", "ca", "attribute"] | None = None,
    indirect: bool = False,
) -> bytes:
    value = x509.IssuingDistributionPoint(
        full_name=[x509.UniformResourceIdentifier(url) for url in urls] or None,
        relative_name=None,
        only_contains_user_certs=only == "user",
        only_contains_ca_certs=only == "ca",
        only_some_reasons=None if reasons is None else frozenset(reasons),
        indirect_crl=indirect,
        only_contains_attribute_certs=only == "attribute",
    )
    return extension(ISSUING_POINT, value.public_bytes(), critical=True)


def reason(code: int, *, critical: bool = False) -> bytes:
    return extension(REASON_CODE, tlv(ENUMERATED, bytes([code])), critical=critical)


def entry(serial: int | bytes, *extensions: bytes, date: bytes | None = None) -> bytes:
    """An entry; a serial given as bytes is the whole element."""
    return tlv(
        SEQUENCE,
        serial if isinstance(serial, bytes) else integer(serial),
        utc(pki.NOW - pki.DAY) if date is None else date,
        tlv(SEQUENCE, *extensions) if extensions else b"",
    )


def algorithm(signer: pki.PrivateKey) -> bytes:
    match signer:
        case ec.EllipticCurvePrivateKey():
            return tlv(SEQUENCE, oid(ECDSA_SHA256))
        case rsa.RSAPrivateKey():
            return tlv(SEQUENCE, oid(RSA_SHA256), b"\x05\x00")
        case _:
            return tlv(SEQUENCE, oid(ED25519))


def sign(signer: pki.PrivateKey, data: bytes) -> bytes:
    match signer:
        case ec.EllipticCurvePrivateKey():
            return signer.sign(data, ec.ECDSA(hashes.SHA256()))
        case rsa.RSAPrivateKey():
            return signer.sign(data, padding.PKCS1v15(), hashes.SHA256())
        case ed25519.Ed25519PrivateKey():
            return signer.sign(data)
    raise TypeError(f"no list is signed with {type(signer).__name__}")


def craft(
    issuer: pki.Authority,
    *entries: bytes,
    version: bytes = b"\x02\x01\x01",
    inner_algorithm: bytes | None = None,
    name: bytes | None = None,
    this_update: bytes | None = None,
    next_update: bytes | None = None,
    revoked: bytes | None = None,
    extensions: Sequence[bytes] | None = None,
    more: Sequence[bytes] = (),
    wrapped: bytes | None = None,
    after: bytes = b"",
    outer_algorithm: bytes | None = None,
    signer: pki.PrivateKey | None = None,
    signature: bytes | None = None,
) -> bytes:
    """A CertificateList. Each part is its whole DER and is left out when given as ``b""``.

    ``revoked`` replaces revokedCertificates; ``extensions`` replaces the AuthorityKeyIdentifier and number 1, ``more``
    comes after them, ``wrapped`` replaces crlExtensions; ``after`` follows the last field of tbsCertList.
    """
    signer = signer or issuer.key
    if revoked is None:
        revoked = tlv(SEQUENCE, *entries) if entries else b""
    if extensions is None:
        extensions = [key_identifier(issuer), number()]
    if wrapped is None:
        wrapped = tlv(0xA0, tlv(SEQUENCE, *extensions, *more))
    tbs = tlv(
        SEQUENCE,
        version,
        algorithm(signer) if inner_algorithm is None else inner_algorithm,
        issuer.certificate.subject.public_bytes() if name is None else name,
        utc(pki.NOW - pki.HOUR) if this_update is None else this_update,
        utc(pki.NOW + 7 * pki.DAY) if next_update is None else next_update,
        revoked,
        wrapped,
        after,
    )
    return tlv(
        SEQUENCE,
        tbs,
        algorithm(signer) if outer_algorithm is None else outer_algorithm,
        tlv(0x03, b"\0", sign(signer, tbs) if signature is None else signature),
    )
