"""The CAs' certificates from the bucket. They are read again after some minutes, so that a new CA needs no restart."""

from datetime import datetime, timedelta

from cryptography import x509

from functions.shared import clock, issuers, objects
from functions.shared.observability import logger
from workflows.admission.errors import CertificateUnknown, IssuerMismatch
from workflows.errors import AccessRefused

FRESH = timedelta(minutes=5)
_warm: dict[str, tuple[datetime, list[x509.Certificate]]] = {}


def issuers_named(bucket: str, name: x509.Name) -> list[x509.Certificate]:
    """Returns the certificates whose subject is `name`. Raises `AwsUnavailable`, `AccessRefused`."""
    at = clock.now()
    if bucket not in _warm or at - _warm[bucket][0] > FRESH:
        _warm[bucket] = at, _load(bucket)
    return [one for one in _warm[bucket][1] if one.subject == name]


def forget() -> None:
    """What a cold start does."""
    _warm.clear()


def _load(bucket: str) -> list[x509.Certificate]:
    return [certificate for key in objects.keys(bucket, "issuers/") if (certificate := _one(bucket, key)) is not None]


def _one(bucket: str, key: str) -> x509.Certificate | None:
    """Returns None for a file whose CA cannot be proven. Then only devices of that CA are unknown."""
    try:
        return issuers.load_to_revoke(bucket, key.removeprefix("issuers/").removesuffix(".pem"))
    except (IssuerMismatch, CertificateUnknown, AccessRefused) as error:
        logger.warning("%s: %s: %s", key, type(error).__name__, error)
        return None
