"""Makes a trial's CA, its list and one device. The CA's key never leaves this process."""

import secrets
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from msgspec import Struct

from workflows.admission.trial import ORGANIZATION, Trial

_CLOCKS_DIFFER_BY = timedelta(hours=1)
_VALID_FOR = timedelta(days=1)
_LIST_COUNTS_FOR = timedelta(days=30)
_NO_USAGE = dict.fromkeys(
    ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
     "decipher_only"), False,
)  # fmt: skip


class Made(Struct, frozen=True, kw_only=True):
    """What a trial needs. `crl` is DER: an empty list, so that the admission reaches the check of the inventory."""

    ca: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    device: x509.Certificate
    device_key: ec.EllipticCurvePrivateKey
    crl: bytes
    note: Trial


def make(at: datetime) -> Made:
    """Make a CA with a random subject, since AWS IoT accepts at most ten CAs of one subject."""
    at = at.replace(microsecond=0)
    key, device_key, name = _key(), _key(), f"Trial {secrets.token_hex(8)}"
    subject = _name(name)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    ca = (
        _dated(subject, subject, key, at)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(**_NO_USAGE, key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    device = (
        _dated(_name(f"device of {name}"), subject, device_key, at)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    crl = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(subject)
        .last_update(at - _CLOCKS_DIFFER_BY)
        .next_update(at + _LIST_COUNTS_FOR)
        .add_extension(identifier, critical=False)
        .add_extension(x509.CRLNumber(1), critical=False)
        .sign(key, hashes.SHA256())
    )
    note = Trial(
        ca_certificate_id=ca.fingerprint(hashes.SHA256()).hex(), ca_pem=_pem(ca), device_pem=_pem(device), began_at=at
    )
    return Made(
        ca=ca,
        key=key,
        device=device,
        device_key=device_key,
        crl=crl.public_bytes(serialization.Encoding.DER),
        note=note,
    )


def write_device(made: Made, folder: Path) -> tuple[Path, Path]:
    """Write certificate and key of the device as files, as TLS needs them. `folder` is private; the caller removes it."""
    certificate, key = folder / "device.pem", folder / "device.key"
    certificate.write_text(made.note.device_pem)
    key.write_bytes(
        made.device_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate, key


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _dated(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, at: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - _CLOCKS_DIFFER_BY)
        .not_valid_after(at + _VALID_FOR)
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")
