"""Whether a certificate is acceptable, before lists and inventory are asked.

It must be the certificate that AWS IoT named, signed by the registered CA's key, not a CA's, valid now, and within ``limits.toml``.
The registered CA is the trust anchor: Gatehouse does not check its dates, as in RFC 5280 §6.1.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from workflows.admission import facts as reading
from workflows.admission.contracts import CertificateFacts, Inspection
from workflows.admission.limits import CertificateLimits
from workflows.text import shortened

_WEAK_HASHES = frozenset({"md5", "sha1"})
_UNDECIDED = ("PENDING_ACTIVATION", "ACTIVE")
"""ACTIVE is accepted too: a redriven or reopened admission may have activated it already."""


def inspect(
    pem: str,
    *,
    certificate_id: str,
    ca_certificate_id: str,
    iot_status: str,
    issuer: x509.Certificate,
    limits: CertificateLimits,
    at: datetime,
    registered_under: str | None = None,
    trial: bool = False,
) -> Inspection:
    """Check the certificate that AWS IoT has under `certificate_id`. Raises no error for any content.

    `issuer` is the certificate of the CA `ca_certificate_id`; `registered_under` is the CA that AWS IoT says it belongs to. `trial`: the CA
    is marked as a trial's.
    """
    read = reading.read(pem, ca_certificate_id, issuer, limits)
    problems = list(read.problems)
    if registered_under not in (None, ca_certificate_id):
        problems.append(f"AWS IoT has it under the CA {registered_under}; the event named {ca_certificate_id}")
    if read.certificate is not None and read.facts is not None:
        problems += _mistaken(read.certificate, read.facts, certificate_id, issuer)
        problems += _outside_limits(read.certificate, read.key, read.facts, limits, at)
    if iot_status not in _UNDECIDED:
        status, reason = (
            "not_pending",
            (
                f"AWS IoT has the certificate as {iot_status}; expected PENDING_ACTIVATION. Somebody else has decided already."
            ),
        )
    elif problems or read.facts is None:
        status, reason = "unacceptable", f"The certificate is not acceptable: {'; '.join(problems)}."
    else:
        status, reason = (
            "acceptable",
            (
                f"Signed by the registered CA's key, {read.facts.key}, "
                f"valid from {read.facts.not_before:%Y-%m-%d} to {read.facts.not_after:%Y-%m-%d}."
            ),
        )
    return Inspection(
        status=status,  # type: ignore[arg-type]  # always one of the three
        reason=reason,
        iot_status=iot_status,
        pem=shortened(pem, limits.max_pem_bytes),
        facts=read.facts and msgspec.structs.replace(read.facts, trial=trial or read.facts.trial),
    )


def _mistaken(
    certificate: x509.Certificate, facts: CertificateFacts, certificate_id: str, issuer: x509.Certificate
) -> Iterator[str]:
    """Checks that it is the named certificate, issued by the named CA, and not a CA's."""
    if facts.certificate_id != certificate_id:
        yield f"its SHA-256 is {facts.certificate_id}; expected {certificate_id}, its id"
    try:
        certificate.verify_directly_issued_by(issuer)
    except InvalidSignature:
        yield f"it is not signed by the CA's key; expected a signature of the key {facts.issuer_key}"
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        yield f"it cannot be verified that the CA issued it ({shortened(str(error), 200)})"
    try:
        extensions = certificate.extensions
    except (ValueError, x509.DuplicateExtension, UnsupportedAlgorithm) as error:
        # Most often a BasicConstraints that encodes cA FALSE: X.690 §11.5 forbids encoding a default.
        yield (
            f"its extensions cannot be read ({shortened(' '.join(str(error).split()), 200)}); "
            "expected DER, in which a default such as cA FALSE is left out"
        )
        return
    for extension in extensions:
        if extension.critical and isinstance(extension.value, x509.UnrecognizedExtension):
            yield f"it has the critical extension {extension.oid.dotted_string}, which Gatehouse does not know (RFC 5280 §4.2)"
        if isinstance(extension.value, x509.BasicConstraints) and extension.value.ca:
            yield "it is a CA's certificate (cA TRUE); expected a device's"


def _outside_limits(
    certificate: x509.Certificate,
    key: CertificatePublicKeyTypes | None,
    facts: CertificateFacts,
    limits: CertificateLimits,
    at: datetime,
) -> Iterator[str]:
    """Checks the operator's limits and the validity period."""
    if not _key_allowed(key, limits):
        yield f"its key is {facts.key}; expected RSA of {limits.min_rsa_bits} bits or more, or EC on {' or '.join(limits.curves)}"
    if _weakly_signed(certificate):
        yield f"it is signed with {facts.signature_algorithm}; expected SHA-256 or stronger"
    if at < facts.not_before:
        yield f"it is not valid before {facts.not_before:%Y-%m-%d %H:%M:%S} UTC; it is {at:%Y-%m-%d %H:%M:%S}"
    if at > facts.not_after:
        yield f"it expired at {facts.not_after:%Y-%m-%d %H:%M:%S} UTC; it is {at:%Y-%m-%d %H:%M:%S}"
    validity = facts.not_after - facts.not_before
    if validity > timedelta(days=limits.max_validity_days):
        yield f"it is valid for {validity.days} days; expected at most {limits.max_validity_days}"


def _key_allowed(key: CertificatePublicKeyTypes | None, limits: CertificateLimits) -> bool:
    match key:
        case rsa.RSAPublicKey():
            return key.key_size >= limits.min_rsa_bits
        case ec.EllipticCurvePublicKey():
            return key.curve.name in limits.curves
    return False


def _weakly_signed(certificate: x509.Certificate) -> bool:
    try:
        digest = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return True
    return digest is not None and digest.name in _WEAK_HASHES
