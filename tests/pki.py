"""A certificate authority for tests: one builder a thing, with defaults, so that a case states only what is unusual.

Keys are made at run time and cached for the session by kind and label; none is ever written to disk. Time is explicit:
everything is dated around ``NOW`` and no builder asks the clock.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
YEAR = timedelta(days=365)

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
Extension = tuple[x509.ExtensionType, bool]
"""An extension and whether it is critical."""


@cache
def key(label: str = "", kind: Literal["p256", "p384", "rsa2048", "ed25519"] = "p256") -> PrivateKey:
    """The session's private key of that label and kind: the same label gives the same key."""
    match kind:
        case "p256":
            return ec.generate_private_key(ec.SECP256R1())
        case "p384":
            return ec.generate_private_key(ec.SECP384R1())
        case "rsa2048":
            return rsa.generate_private_key(public_exponent=65537, key_size=2048)
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()


def digest_for(signer: PrivateKey) -> hashes.SHA256 | None:
    """SHA-256, except where the algorithm brings its own digest."""
    return None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()


def name(common_name: str, organization: str | None = "Example Works") -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization is not None:
        attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(attributes)


def key_usage(**allowed: bool) -> x509.KeyUsage:
    """A KeyUsage with every bit off but those named."""
    bits = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement "
        "key_cert_sign crl_sign encipher_only decipher_only"
    )
    return x509.KeyUsage(**{bit: allowed.get(bit, False) for bit in bits.split()})


def distribution_points(*urls: str) -> x509.CRLDistributionPoints:
    """One distribution point an address, without reasons or cRLIssuer."""
    return x509.CRLDistributionPoints(
        [x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None) for url in urls]
    )


@dataclass(frozen=True)
class Authority:
    """A CA: its private key and its certificate."""

    key: PrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        return pem(self.certificate)


def authority(
    common_name: str = "Device CA",
    *,
    private_key: PrivateKey | None = None,
    issued_by: Authority | None = None,
    subject: x509.Name | None = None,
    usage: x509.KeyUsage | Literal["default"] | None = "default",
    key_identifier: bool = True,
    not_before: datetime = NOW - YEAR,
    not_after: datetime = NOW + 10 * YEAR,
    serial: int | None = None,
    extensions: Sequence[Extension] = (),
) -> Authority:
    """A self-signed CA, or one ``issued_by`` another. ``usage=None`` leaves key usage out."""
    private_key = private_key or key(common_name)
    subject = subject or name(common_name)
    signer = issued_by.key if issued_by else private_key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issued_by.certificate.subject if issued_by else subject)
        .public_key(private_key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    if usage == "default":
        usage = key_usage(key_cert_sign=True, crl_sign=True)
    if usage is not None:
        builder = builder.add_extension(usage, critical=True)
    if key_identifier:
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(private_key.public_key()), False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return Authority(private_key, builder.sign(signer, digest_for(signer)))


def device(
    issuer: Authority,
    common_name: str = "device-0001",
    *,
    private_key: PrivateKey | None = None,
    subject: x509.Name | None = None,
    serial: int | None = None,
    not_before: datetime = NOW - DAY,
    not_after: datetime = NOW + YEAR,
    crl_urls: Sequence[str] = (),
    extensions: Sequence[Extension] = (),
    authority_key_identifier: bool = True,
) -> x509.Certificate:
    """A device's certificate, without BasicConstraints unless ``extensions`` brings it."""
    private_key = private_key or key("device")
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject or name(common_name))
        .issuer_name(issuer.certificate.subject)
        .public_key(private_key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
    )
    if authority_key_identifier:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
        builder = builder.add_extension(identifier, critical=False)
    if crl_urls:
        builder = builder.add_extension(distribution_points(*crl_urls), critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer.key, digest_for(issuer.key))


def entry(
    serial: int,
    *,
    on: datetime = NOW - DAY,
    reason: x509.ReasonFlags | None = None,
    extensions: Sequence[Extension] = (),
) -> x509.RevokedCertificate:
    """One entry of a list: a serial number, its date, and perhaps a reason."""
    builder = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(on)
    if reason is not None:
        builder = builder.add_extension(x509.CRLReason(reason), critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.build()


def revocation_list(
    issuer: Authority,
    revoked: Iterable[int | x509.RevokedCertificate] = (),
    *,
    number: int | None = 1,
    this_update: datetime = NOW - HOUR,
    next_update: datetime = NOW + 7 * DAY,
    extensions: Sequence[Extension] = (),
    authority_key_identifier: bool = True,
    signer: PrivateKey | None = None,
) -> bytes:
    """A certificate revocation list as DER. Entries are serials, or what :func:`entry` makes."""
    signer = signer or issuer.key
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(this_update)
        .next_update(next_update)
    )
    if authority_key_identifier:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
        builder = builder.add_extension(identifier, critical=False)
    if number is not None:
        builder = builder.add_extension(x509.CRLNumber(number), critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    for item in revoked:
        builder = builder.add_revoked_certificate(entry(item) if isinstance(item, int) else item)
    return builder.sign(signer, digest_for(signer)).public_bytes(serialization.Encoding.DER)


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def key_pem(private_key: PrivateKey) -> str:
    """The private key as unencrypted PKCS #8, for an MQTT client or ``openssl`` in a test's temporary directory."""
    return private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode("ascii")
