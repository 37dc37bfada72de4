"""The fields of a certificate and of its issuer that the revocation rules need, read from the DER (RFC 5280 §4.1).

It does not use ``certificate.extensions``, which fails for the whole certificate if one extension is bad, and the rules
need the bytes of that extension.
"""

import hashlib
from functools import lru_cache
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key

from workflows import der
from workflows.certificate_der import fixed_part
from workflows.der import DerError, Reader
from workflows.revocation.names import DistributionPoint, distribution_points

_SUBJECT_KEY_IDENTIFIER: Final = bytes.fromhex("551d0e")
_KEY_USAGE: Final = bytes.fromhex("551d0f")
_BASIC_CONSTRAINTS: Final = bytes.fromhex("551d13")
_DISTRIBUTION_POINTS: Final = bytes.fromhex("551d1f")
_KEY_CERT_SIGN: Final = 5
_CRL_SIGN: Final = 6


class CertificateFields(NamedTuple):
    """The fields of a certificate that matter for revocation."""

    sha256: str
    serial: bytes
    """The DER content octets of serialNumber."""
    issuer: bytes
    """The issuer's Name, DER."""
    subject: bytes
    key_info: bytes
    """SubjectPublicKeyInfo, DER."""
    version: int
    is_ca: bool | None
    """The value in BasicConstraints; None without this extension."""
    may_issue: bool
    """keyCertSign, or no key usage at all (RFC 5280 §6.1.4 (n))."""
    distribution_points: tuple[DistributionPoint, ...]
    key_identifier: bytes | None
    may_sign_lists: bool
    """cRLSign, or no key usage at all (RFC 5280 §6.3.3 (f))."""
    signed: bytes
    algorithm: bytes
    signature: bytes

    @property
    def key_sha256(self) -> str:
        return hashlib.sha256(self.key_info).hexdigest()


def certificate_fields(certificate: x509.Certificate) -> CertificateFields:
    """Read the fields. Raises DerError for a certificate that is not strict DER as in RFC 5280 §4.1."""
    return _read(certificate.public_bytes(Encoding.DER))


@lru_cache(maxsize=64)
def _read(data: bytes) -> CertificateFields:
    outer = Reader(data)
    whole = outer.take(der.SEQUENCE, "the certificate")
    outer.finish("the certificate")
    begin = whole.at
    tbs = whole.take(der.SEQUENCE, "tbsCertificate")
    signed = data[begin : whole.at]
    algorithm = whole.element("signatureAlgorithm")
    signature = whole_octets(whole, "the certificate's signature")
    whole.finish("the certificate")

    fixed = fixed_part(tbs)
    if fixed.algorithm != algorithm:
        raise DerError("the certificate's two signature algorithms differ (RFC 5280 section 4.1.1.2)")
    for tag in (0x81, 0x82):
        if tbs.next_is(tag):
            tbs.take(tag, "a unique identifier")
    found: dict[bytes, tuple[bool, bytes]] = {}
    if tbs.next_is(0xA3):
        wrapper = tbs.take(0xA3, "extensions")
        found = der.extensions(wrapper, "the certificate's extensions")
        wrapper.finish("the certificate's extensions")
    tbs.finish("tbsCertificate")
    values = {oid: value for oid, (_, value) in found.items()}
    points = values.get(_DISTRIBUTION_POINTS)
    return CertificateFields(
        sha256=hashlib.sha256(data).hexdigest(),
        serial=fixed.serial,
        issuer=fixed.issuer,
        subject=fixed.subject,
        key_info=fixed.key_info,
        version=fixed.version,
        is_ca=_is_ca(values.get(_BASIC_CONSTRAINTS)),
        distribution_points=() if points is None else distribution_points(points, fixed.issuer),
        key_identifier=_key_identifier(values.get(_SUBJECT_KEY_IDENTIFIER)),
        may_issue=_usage_allows(values.get(_KEY_USAGE), _KEY_CERT_SIGN),
        may_sign_lists=_usage_allows(values.get(_KEY_USAGE), _CRL_SIGN),
        signed=signed,
        algorithm=algorithm,
        signature=signature,
    )


@lru_cache(maxsize=16)
def public_key(key_info: bytes) -> CertificatePublicKeyTypes:
    """Load the key. Raises DerError if it cannot be loaded."""
    try:
        return load_der_public_key(key_info)  # type: ignore[return-value]  # a key that cannot sign is refused at the signature check
    except (UnsupportedAlgorithm, ValueError, TypeError) as error:
        raise DerError(f"the issuer's key cannot be used: {error}") from error


def whole_octets(reader: Reader, what: str) -> bytes:
    """A BIT STRING of whole octets."""
    content = reader.take(der.BIT_STRING, what).content()
    if len(content) < 2 or content[0]:
        raise DerError(f"{what} is not a bit string of whole octets")
    return content[1:]


def _is_ca(value: bytes | None) -> bool | None:
    if value is None:
        return None
    outer = Reader(value)
    fields = outer.take(der.SEQUENCE, "BasicConstraints")
    outer.finish("BasicConstraints")
    is_ca = fields.boolean(der.BOOLEAN, "BasicConstraints cA")
    if fields:
        fields.integer("pathLenConstraint")
    fields.finish("BasicConstraints")
    return is_ca


def _key_identifier(value: bytes | None) -> bytes | None:
    if value is None:
        return None
    outer = Reader(value)
    identifier = outer.take(der.OCTET_STRING, "SubjectKeyIdentifier").content()
    outer.finish("SubjectKeyIdentifier")
    return identifier


def _usage_allows(value: bytes | None, bit: int) -> bool:
    if value is None:
        return True
    outer = Reader(value)
    usage = outer.bits(der.BIT_STRING, "KeyUsage")
    outer.finish("KeyUsage")
    return bit in usage
