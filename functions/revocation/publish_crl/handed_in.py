"""A list that somebody put into the bucket below ``incoming/<CA certificate id>/``: which one it is, and whose it claims to be."""

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
    """The bytes, and the CA certificate that they are to be held to."""

    data: bytes
    ca_certificate_id: str
    issuer: x509.Certificate


class _Object(Struct, frozen=True, kw_only=True):
    key: str


class _Detail(Struct, frozen=True, kw_only=True):
    object: _Object


class _ObjectCreated(Struct, frozen=True, kw_only=True):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html, as far as it matters here."""

    detail: _Detail


def key_of(event: Any) -> str:
    """The object's key; EventBridge gives it as it is, not URL-encoded. Raises `BadInput`."""
    try:
        return msgspec.convert(event, _ObjectCreated).detail.object.key
    except msgspec.ValidationError as error:
        raise BadInput(f"This is no Object Created event of S3: {error}.") from error


def read(bucket: str, key: str, max_size: int) -> HandedIn | Rejected:
    """Its size is looked at before it is read. Raises `AwsUnavailable`, `AccessRefused`."""
    found = _KEY.fullmatch(key)
    if found is None:
        return _aside(
            "profile: place", f"{key!r} is not of the form incoming/<CA certificate id, 64 hex digits>/<name>"
        )
    octets = objects.size(bucket, key)
    if octets is not None and octets > max_size:
        return _aside("profile: size", f"{octets} bytes, at most {max_size} are read")
    try:
        issuer = issuers.load_to_revoke(bucket, found["ca"])
    except CertificateUnknown:
        return _aside("RFC 5280 6.3.3(f)", f"AWS IoT knows no CA {found['ca']}; register it first")
    except IssuerMismatch as error:
        return _aside("profile: issuer", str(error))
    content = objects.read(bucket, key)
    if content is None:
        return _aside("profile: place", f"{key} is gone from the bucket")
    return HandedIn(content.data, found["ca"], issuer)


def _aside(clause: str, reason: str) -> Rejected:
    return Rejected(clause=clause, reason=reason, sha256=None)
