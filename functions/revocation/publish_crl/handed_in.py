"""A list that somebody put into the bucket below ``incoming/<CA certificate id>/``: its content, and the CA that the key names."""

import re
from typing import Any, NamedTuple

import msgspec
from cryptography import x509
from msgspec import Struct

from functions.shared import issuers, objects
from workflows.admission.errors import CertificateUnknown, IssuerMismatch
from workflows.errors import BadInput
from workflows.revocation.publication import Rejected

_KEY = re.compile(r"incoming/(?P<ca>[0-9a-f]{64})/(?P<name>[^/]+)")


class HandedIn(NamedTuple):
    """The bytes, and the CA certificate that must have signed them."""

    data: bytes
    ca_certificate_id: str
    issuer: x509.Certificate


class _Object(Struct, frozen=True, kw_only=True):
    key: str


class _Detail(Struct, frozen=True, kw_only=True):
    object: _Object


class _ObjectCreated(Struct, frozen=True, kw_only=True):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html, only the parts that are used here."""

    detail: _Detail


def key_of(event: Any) -> str:
    """Returns the object's key, which is not URL-encoded in an EventBridge event. Raises `BadInput`."""
    try:
        return msgspec.convert(event, _ObjectCreated).detail.object.key
    except msgspec.ValidationError as error:
        raise BadInput(f"This is not an Object Created event of S3: {error}.") from error


def read(bucket: str, key: str, max_size: int) -> HandedIn | Rejected:
    """Check the size, then read the list. Raises `AwsUnavailable`, `AccessRefused`."""
    found = _KEY.fullmatch(key)
    if found is None:
        return _aside(
            "profile: place", f"{key!r} is not of the form incoming/<CA certificate id, 64 hex digits>/<name>"
        )
    octets = objects.size(bucket, key)
    if octets is not None and octets > max_size:
        return _aside("profile: size", f"{octets} bytes; expected at most {max_size}")
    try:
        issuer = issuers.load_to_revoke(bucket, found["ca"])
    except CertificateUnknown:
        return _aside("RFC 5280 6.3.3(f)", f"AWS IoT does not know the CA {found['ca']}; register it first")
    except IssuerMismatch as error:
        return _aside("profile: issuer", str(error))
    content = objects.read(bucket, key)
    if content is None:
        return _aside("profile: place", f"{key} is no longer in the bucket")
    return HandedIn(content.data, found["ca"], issuer)


def _aside(clause: str, reason: str) -> Rejected:
    return Rejected(clause=clause, reason=reason, sha256=None)
