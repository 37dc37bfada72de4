"""Read a device's certificate (RFC 5280 §4.1): from PEM to `CertificateFacts`, or to the reasons why it cannot be read.

The maker of the certificate chose everything in it. So any content is allowed: what cannot be read becomes a problem, not an error.
"""

import hashlib
import re
from collections.abc import Callable
from typing import Literal, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, SignatureAlgorithmOID
from msgspec import Struct

from workflows import der
from workflows.admission.contracts import CertificateFacts
from workflows.admission.limits import CertificateLimits
from workflows.admission.trial import is_trial
from workflows.certificate_der import FixedPart, fixed_part
from workflows.text import shortened

T = TypeVar("T")

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----")
_ALGORITHMS = {
    oid: name.lower().replace("_", "-")
    for name, oid in vars(SignatureAlgorithmOID).items()
    if isinstance(oid, x509.ObjectIdentifier)
}


class Reading(Struct, frozen=True, kw_only=True):
    """A certificate, as far as it could be read. `problems` says for the rest what was got and what was expected."""

    certificate: x509.Certificate | None = None
    key: CertificatePublicKeyTypes | None = None
    facts: CertificateFacts | None = None
    problems: tuple[str, ...] = ()


def read(pem: str, ca_certificate_id: str, issuer: x509.Certificate, limits: CertificateLimits) -> Reading:
    """Read one certificate. Raises no error for any content of `pem`."""
    size = len(pem.encode("utf-8", "surrogatepass"))
    if size > limits.max_pem_bytes:
        return _unreadable(f"its PEM has {size} bytes; expected at most {limits.max_pem_bytes}")
    blocks = _BLOCK.findall(pem)
    if blocks != ["CERTIFICATE"]:
        got = ", ".join(blocks[:5]) or "no PEM block"
        return _unreadable(f"its PEM holds {len(blocks)} blocks ({got}); expected one, a CERTIFICATE")
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode("ascii"))
        fixed = _fixed_part(certificate)
        not_before, not_after = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        return _unreadable(
            f"it cannot be read as X.509 ({_short(error)}); expected a DER certificate of RFC 5280 in PEM"
        )

    octets, problems = fixed.serial, list[str]()
    if octets[0] & 0x80 or not any(octets):
        problems.append(f"its serial number is {'negative' if any(octets) else 'zero'}; expected a positive one")
    subject = _name(certificate, "subject", problems)
    if len(subject) > limits.max_subject_length:
        problems.append(f"its subject has {len(subject)} characters; expected at most {limits.max_subject_length}")
    key = _tried(certificate.public_key, "public key", problems)
    facts = CertificateFacts(
        certificate_id=hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest(),
        ca_certificate_id=ca_certificate_id,
        pem=pem,
        subject=shortened(subject, limits.max_subject_length),
        common_name=_common_name(certificate, limits.max_subject_length),
        issuer=shortened(_name(certificate, "issuer", problems), limits.max_subject_length),
        issuer_key=issuer_key(issuer),
        serial=octets.hex().lstrip("0") or "0",
        public_key=hashlib.sha256(fixed.key_info).hexdigest(),
        key=describe_key(key, certificate.public_key_algorithm_oid),
        signature_algorithm=algorithm_name(certificate),
        not_before=not_before,
        not_after=not_after,
        trial=is_trial(issuer),
    )
    return Reading(certificate=certificate, key=key, facts=facts, problems=tuple(problems))


def issuer_key(issuer: x509.Certificate) -> str:
    """The SHA-256 of the CA's SubjectPublicKeyInfo, exactly as its certificate encodes it."""
    return hashlib.sha256(_fixed_part(issuer).key_info).hexdigest()


def describe_key(key: CertificatePublicKeyTypes | None, oid: x509.ObjectIdentifier) -> str:
    """For people: ``EC secp256r1``, ``RSA 2048``, ``Ed25519``; the algorithm's OID for other keys."""
    match key:
        case rsa.RSAPublicKey() | dsa.DSAPublicKey():
            return f"{'RSA' if isinstance(key, rsa.RSAPublicKey) else 'DSA'} {key.key_size}"
        case ec.EllipticCurvePublicKey():
            return f"EC {key.curve.name}"
        case ed25519.Ed25519PublicKey():
            return "Ed25519"
        case ed448.Ed448PublicKey():
            return "Ed448"
    return f"algorithm {oid.dotted_string}"


def algorithm_name(certificate: x509.Certificate) -> str:
    """The signature algorithm: ``ecdsa-with-sha256``, or its OID if it has no name here."""
    oid = certificate.signature_algorithm_oid
    return _ALGORITHMS.get(oid, oid.dotted_string)


def _fixed_part(certificate: x509.Certificate) -> FixedPart:
    """Raises `der.DerError`, a ValueError."""
    return fixed_part(der.Reader(certificate.tbs_certificate_bytes).take(der.SEQUENCE, "tbsCertificate"))


def _name(certificate: x509.Certificate, which: Literal["subject", "issuer"], problems: list[str]) -> str:
    """The subject or issuer as RFC 4514 writes it. The library parses it only at this call."""
    return _tried(lambda: getattr(certificate, which).rfc4514_string(), which, problems) or ""


def _common_name(certificate: x509.Certificate, limit: int) -> str | None:
    """The common name, if there is exactly one and it is text. With two, it is not clear which one is meant."""
    try:
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except (ValueError, TypeError):
        return None
    if len(names) != 1 or not isinstance(names[0].value, str):
        return None
    return names[0].value if len(names[0].value) <= limit else None


def _tried(read_part: Callable[[], T], what: str, problems: list[str]) -> T | None:
    try:
        return read_part()
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:  # TypeError: a name that is a BIT STRING
        problems.append(f"its {what} cannot be read ({_short(error)})")
        return None


def _unreadable(problem: str) -> Reading:
    return Reading(problems=(problem,))


def _short(error: Exception) -> str:
    """One line of an error's text."""
    return shortened(" ".join(str(error).split()), 200)
