"""Registering a CA with AWS IoT: the dance with the registration code, and the copy that the revocation check reads.

AWS IoT developer guide, *Register a client certificate when the client connects to AWS IoT (just-in-time registration)*.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from gatehouse.errors import AnsweredNo, NotFound
from gatehouse.evidence.audit_trail import recorded, require_reason
from gatehouse.revocation import orders
from gatehouse.stack import objects
from gatehouse.stack.target import Target
from workflows.admission import issuers
from workflows.admission.facts import issuer_key
from workflows.admission.trial import is_trial
from workflows.errors import BadInput

_VERIFICATION_VALID_FOR = timedelta(days=1)
_CLOCKS_DIFFER_BY = timedelta(minutes=5)

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class PasswordNeeded(BadInput):
    """The private key is encrypted and no password was given."""


class Authority(msgspec.Struct, frozen=True, kw_only=True):
    """A CA as registered. `issuer_key` is the SHA-256 of its DER SubjectPublicKeyInfo, as the inventory and the lists name it."""

    ca_certificate_id: str
    subject: str
    issuer_key: str
    status: str
    auto_registration: bool
    mode: str
    valid_until: datetime
    trial: bool = False
    """Of `gatehouse doctor --knock`: it is none of the fleet's, and goes by itself."""


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """`new` is False for a CA that was registered already; `warnings` are what will trouble the operator later."""

    authority: Authority
    new: bool
    warnings: tuple[str, ...]


def register(
    target: Target, certificate: x509.Certificate, key: SigningKey, *, sni_only: bool = False, name: str | None = None
) -> Registration:
    """Register the CA as active with automatic registration on, and keep its certificate. Safe to repeat.

    Raises `AnsweredNo` for one whose revocation is owed: its next sweep would take back whoever registers from now on.

    `sni_only` registers it in mode SNI_ONLY, which several accounts may share; otherwise AWS IoT wants proof of the key.
    """
    warnings = require_authority(certificate, key, at=datetime.now(UTC))
    _require_not_revoked(target, certificate.fingerprint(hashes.SHA256()).hex())
    iot = target.client("iot")
    request: dict[str, Any] = {"caCertificate": _pem(certificate), "setAsActive": True, "allowAutoRegistration": True}
    if sni_only:
        request["certificateMode"] = "SNI_ONLY"
    else:
        code = iot.get_registration_code()["registrationCode"]
        request["verificationCertificate"] = _pem(verification_certificate(certificate, key, code))
    if name:
        request["tags"] = [{"Key": "Name", "Value": name}]
    asked = {"mode": "SNI_ONLY" if sni_only else "DEFAULT", "name": name or ""}
    with recorded(target, "authority", "register", certificate.subject.rfc4514_string(), new=asked) as act:
        identifier, new = _register(target, certificate, request)
        objects.write(
            target, "CrlBucket", issuers.key_of(identifier), _pem(certificate).encode(), "application/x-pem-file"
        )
        act.new = {"ca_certificate_id": identifier, "status": "ACTIVE", "auto_registration": "ENABLE"}
        try:
            _require_not_revoked(target, identifier)  # an order may have come since it was looked for
        except AnsweredNo:
            target.client("iot").update_ca_certificate(
                certificateId=identifier, newStatus="INACTIVE", newAutoRegistrationStatus="DISABLE"
            )
            raise
    return Registration(authority=show(target, identifier), new=new, warnings=warnings)


def _require_not_revoked(target: Target, identifier: str) -> None:
    """Ending an order is a decision with a reason of its own, and registering asks for none."""
    if orders.owed(target, identifier) is not None:
        raise AnsweredNo(
            "This CA is being revoked, so it is not registered again: whoever came would be revoked too. If that was a mistake, end it: "
            f'gatehouse ca enable {identifier} --reason "…"'
        )


def _register(target: Target, certificate: x509.Certificate, request: dict[str, Any]) -> tuple[str, bool]:
    """The CA's id in AWS IoT, and whether it was not registered before."""
    iot = target.client("iot")
    try:
        return iot.register_ca_certificate(**request)["certificateId"], True
    except iot.exceptions.ResourceAlreadyExistsException as error:
        identifier = error.response.get("resourceId") or _identifier_of(iot, certificate)
        _require_not_revoked(target, identifier)
        iot.update_ca_certificate(certificateId=identifier, newStatus="ACTIVE", newAutoRegistrationStatus="ENABLE")
        return identifier, False


def switch(target: Target, found: Authority, *, on: bool, registration_only: bool, reason: str) -> Authority:
    """Enable or disable a CA, or only its automatic registration. Returns it as AWS IoT then has it.

    Certificates that are registered already stay as they are either way (AWS IoT developer guide, *Manage your CA certificates*).
    Raises `BadInput`, `TrailUnavailable`.
    """
    wanted: dict[str, Any] = {"newAutoRegistrationStatus": "ENABLE" if on else "DISABLE"}
    if not registration_only:
        wanted["newStatus"] = "ACTIVE" if on else "INACTIVE"
    with recorded(
        target,
        "authority",
        "enable" if on else "disable",
        found.ca_certificate_id,
        old={"status": found.status, "auto_registration": found.auto_registration},
        new={"auto_registration": on} | ({} if registration_only else {"status": wanted["newStatus"]}),
        reason=require_reason(reason),
    ) as act:
        target.client("iot").update_ca_certificate(certificateId=found.ca_certificate_id, **wanted)
        now = show(target, found.ca_certificate_id)
        act.new = {"status": now.status, "auto_registration": now.auto_registration}
    return now


def show(target: Target, identifier: str) -> Authority:
    """One registered CA. Raises `NotFound`."""
    iot = target.client("iot")
    try:
        found = iot.describe_ca_certificate(certificateId=identifier)["certificateDescription"]
    except ClientError as error:
        if error.response["Error"]["Code"] in (
            "ResourceNotFoundException",
            "InvalidRequestException",
            "ValidationException",
        ):
            raise NotFound(
                f"AWS IoT knows no CA certificate {identifier!r}. `gatehouse ca list` shows what there is."
            ) from error
        raise
    certificate = read_certificate(found["certificatePem"].encode(), "the CA certificate in AWS IoT")
    return Authority(
        ca_certificate_id=identifier,
        subject=certificate.subject.rfc4514_string(),
        issuer_key=issuer_key(certificate),
        status=found["status"],
        auto_registration=found.get("autoRegistrationStatus") == "ENABLE",
        mode=found.get("certificateMode", "DEFAULT"),
        valid_until=certificate.not_valid_after_utc,
        trial=is_trial(certificate),
    )


def registered(target: Target, identifier: str) -> x509.Certificate | None:
    """The CA certificate that AWS IoT has under this id; None if it knows none."""
    iot = target.client("iot")
    try:
        found = iot.describe_ca_certificate(certificateId=identifier)["certificateDescription"]
    except iot.exceptions.ResourceNotFoundException:
        return None
    return read_certificate(found["certificatePem"].encode(), "the CA certificate in AWS IoT")


def list_all(target: Target) -> Iterator[Authority]:
    """Every registered CA; one call each, since the list does not say whether automatic registration is on."""
    for identifier in identifiers(target.client("iot")):
        yield show(target, identifier)


def read_certificate(data: bytes, what: str) -> x509.Certificate:
    """A certificate from PEM or DER. Raises `BadInput`; `what` names it in the message."""
    try:
        if b"-----BEGIN" in data:
            return x509.load_pem_x509_certificate(data)
        return x509.load_der_x509_certificate(data)
    except ValueError as error:
        raise BadInput(f"{what} is no X.509 certificate in PEM or DER: {error}") from error


def read_key(data: bytes, what: str, password: bytes | None = None) -> SigningKey:
    """A private key from PEM. Raises `BadInput`, or `PasswordNeeded`."""
    try:
        key = serialization.load_pem_private_key(data, password)
    except TypeError as error:
        raise PasswordNeeded(f"{what}: {error}.") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadInput(f"{what} cannot be read as a private key in PEM (or the password is wrong): {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise BadInput(f"{what} is a {type(key).__name__}; AWS IoT takes CAs with RSA or ECDSA keys.")
    return key


def require_authority(certificate: x509.Certificate, key: SigningKey, *, at: datetime) -> tuple[str, ...]:
    """Check that this is a CA's certificate and this its key. Returns warnings; raises `BadInput` for what AWS IoT would refuse."""
    if certificate.public_key() != key.public_key():
        raise BadInput("The private key does not belong to the certificate: their public keys differ.")
    try:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = _usage(certificate)
    except x509.ExtensionNotFound as error:
        raise BadInput("The certificate has no BasicConstraints, so it is no CA's (RFC 5280 §4.2.1.9).") from error
    except ValueError as error:
        raise BadInput(f"The certificate's extensions cannot be read: {error}") from error
    if not basic.ca:
        raise BadInput(
            "The certificate is not a CA's: BasicConstraints says cA FALSE. Give the certificate that signs the devices'."
        )
    if usage is not None and not usage.key_cert_sign:
        raise BadInput(
            "The certificate's key usage lacks keyCertSign: it may not sign device certificates (RFC 5280 §4.2.1.3)."
        )
    if not certificate.not_valid_before_utc <= at < certificate.not_valid_after_utc:
        valid = f"{certificate.not_valid_before_utc:%Y-%m-%d} to {certificate.not_valid_after_utc:%Y-%m-%d}"
        raise BadInput(f"The certificate is valid from {valid}, which does not include now ({at:%Y-%m-%d}).")
    if usage is not None and not usage.crl_sign:
        return (
            "Its key usage lacks cRLSign: no revocation list of this CA will count, so every device will be held (RFC 5280 §6.3.3).",
        )
    return ()


def verification_certificate(authority: x509.Certificate, key: SigningKey, code: str) -> x509.Certificate:
    """The proof that AWS IoT asks for: a certificate whose common name is the registration code, signed by the CA's key."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, code)]))
        .issuer_name(authority.subject)
        .public_key(ec.generate_private_key(ec.SECP256R1()).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS_DIFFER_BY)
        .not_valid_after(now + _VERIFICATION_VALID_FOR)
        .sign(key, hashes.SHA256())
    )


def _usage(certificate: x509.Certificate) -> x509.KeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None


def identifiers(iot: Any) -> Iterator[str]:
    marker: dict[str, str] = {}
    while True:
        page = iot.list_ca_certificates(pageSize=100, **marker)
        yield from (found["certificateId"] for found in page["certificates"])
        if not page.get("nextMarker"):
            return
        marker = {"marker": page["nextMarker"]}


def _identifier_of(iot: Any, certificate: x509.Certificate) -> str:
    for identifier in identifiers(iot):
        found = iot.describe_ca_certificate(certificateId=identifier)["certificateDescription"]["certificatePem"]
        if read_certificate(found.encode(), identifier) == certificate:
            return identifier
    raise NotFound(
        "AWS IoT says the CA is registered already, but does not list it: it may be another account's in this Region."
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")
