"""The demo's CA, its devices' certificates and its revocation list. Each run makes new keys."""

import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_CA_USAGE = ("key_cert_sign", "crl_sign")
_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """A device's certificate, and the files of certificate and key."""

    certificate: x509.Certificate
    certificate_file: Path
    key_file: Path

    @property
    def certificate_id(self) -> str:
        """The certificate's id in AWS IoT: the SHA-256 of its DER."""
        return sha256(self.certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


class DemoCa:
    """A CA with an ECDSA key that is never reused. Its files are in `folder`; only their owner can read keys."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._now = datetime.now(UTC).replace(microsecond=0)
        self.key = ec.generate_private_key(ec.SECP256R1())
        name = _name("Gatehouse demo device CA")
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - _HOUR)
            .not_valid_after(self._now + 3650 * _DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.KeyUsage(**{usage: usage in _CA_USAGE for usage in _USAGES}), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        _write(folder / "ca.pem", _pem(self.certificate))
        _write(folder / "ca.key", _key_pem(self.key), private=True)

    def issue(self, common_name: str, file_name: str | None = None, *, valid_for: timedelta = 365 * _DAY) -> Identity:
        """Issue a certificate for a device. `file_name` distinguishes two certificates with the same common name."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_name(common_name))
            .issuer_name(self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - _HOUR)
            .not_valid_after(self._now + valid_for)
            .add_extension(self._identifier(), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        stem = file_name or common_name
        identity = Identity(
            certificate=certificate,
            certificate_file=self._folder / f"{stem}.pem",
            key_file=self._folder / f"{stem}.key",
        )
        _write(identity.certificate_file, _pem(certificate))
        _write(identity.key_file, _key_pem(key), private=True)
        return identity

    def revoke(self, certificates: Iterable[x509.Certificate]) -> Path:
        """Write a revocation list, as DER, that names these certificates. Returns its file."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(self._now - _HOUR)
            .next_update(self._now + 7 * _DAY)
            .add_extension(self._identifier(), critical=False)
            .add_extension(x509.CRLNumber(1), critical=False)
        )
        for certificate in certificates:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(certificate.serial_number)
                .revocation_date(self._now - _HOUR)
                .add_extension(x509.CRLReason(x509.ReasonFlags.key_compromise), critical=False)
                .build()
            )
        file = self._folder / "revoked.crl"
        _write(file, builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER))
        return file

    def _identifier(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example Medical"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, *, private: bool = False) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o644), "wb") as file:
        file.write(content)
