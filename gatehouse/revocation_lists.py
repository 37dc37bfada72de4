"""Revocation lists from the operator's side: check one against its CA, and put it where the admissions look."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from gatehouse import authority
from gatehouse.errors import NotFound
from gatehouse.target import Target
from gatehouse.trail import recorded
from workflows.admission import limits
from workflows.admission.facts import issuer_key
from workflows.errors import BadInput
from workflows.revocation import Refused, VerifiedList, verify_list

LIMITS = Path(__file__).resolve().parents[1] / "config" / "limits.toml"


class ListRefused(BadInput):
    """A list that would not count, so it is not published. The message names the clause it fails."""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One list that lies in the bucket. `number` is decimal text, since a cRLNumber may have 160 bits."""

    issuer_key: str
    sha256: str
    number: str
    scope: str
    delta: bool
    this_update: datetime
    next_update: datetime
    bucket_key: str
    problem: str | None = None
    """Why it does not count now, if it does not."""


def publish(target: Target, data: bytes, ca_certificate_id: str, *, at: datetime) -> Listed:
    """Check a list (DER or PEM) against the CA's kept certificate and put it into the bucket. Safe to repeat.

    Raises `ListRefused` with the clause for a list that would not count, or whose number is below one that is there.
    """
    issuer = kept_issuer(target, ca_certificate_id)
    checked = require_counts(to_der(data), issuer, at=at)
    for other in _checked_lists(target, issuer):
        if other.meta.scope.id == checked.meta.scope.id and other.meta.number > checked.meta.number:
            raise ListRefused(
                f"RFC 5280 5.2.3: its cRLNumber is {checked.meta.number}, and number {other.meta.number} "
                f"(of {other.meta.this_update:%Y-%m-%d %H:%M}Z) has been published already."
            )
    found = _listed(checked, issuer, problem=None)
    with recorded(target, "revocation", "publish", found.bucket_key, new={"ca_certificate_id": ca_certificate_id}):
        target.client("s3").put_object(
            Bucket=target.output("CrlBucket"),
            Key=found.bucket_key,
            Body=checked.raw.data,
            ContentType="application/pkix-crl",
        )
    return found


def status(target: Target, ca_certificate_id: str, *, at: datetime) -> list[Listed]:
    """Every list of a CA that lies in the bucket, the highest number first."""
    issuer = kept_issuer(target, ca_certificate_id)
    checked = sorted(_checked_lists(target, issuer), key=lambda one: one.meta.number, reverse=True)
    newest: dict[tuple[str, bool], int] = {}
    for one in checked:
        newest.setdefault((one.meta.scope.id, one.meta.base is not None), one.meta.number)
    return [
        _listed(
            one,
            issuer,
            problem=_untimely(one, at)
            or ("replaced" if newest[one.meta.scope.id, one.meta.base is not None] > one.meta.number else None),
        )
        for one in checked
    ]


def kept_issuer(target: Target, ca_certificate_id: str) -> x509.Certificate:
    """The CA's certificate as ``ca register`` kept it. Raises `NotFound`."""
    s3, key = target.client("s3"), f"issuers/{ca_certificate_id}.pem"
    try:
        content: bytes = s3.get_object(Bucket=target.output("CrlBucket"), Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NoSuchKey", "404", "AccessDenied"):
            raise
        raise NotFound(
            f"No certificate is kept of the CA {ca_certificate_id!r}. `gatehouse ca list` shows the ids; `gatehouse ca register` keeps it."
        ) from error
    return authority.read_certificate(content, key)


def to_der(data: bytes) -> bytes:
    """A list's DER from DER or PEM. Raises `ListRefused` for what is plainly no list."""
    start = data.lstrip()[:256]
    if start[:1] == b"<":
        raise ListRefused("The file is HTML or XML, perhaps a sign-in page that was saved in place of the list.")
    if not start.startswith(b"-----BEGIN"):
        return data
    if not start.startswith(b"-----BEGIN X509 CRL-----"):
        label = start.splitlines()[0].decode("ascii", "replace")
        raise ListRefused(f"The PEM holds {label[:60]!r}; expected -----BEGIN X509 CRL-----.")
    try:
        return x509.load_pem_x509_crl(data).public_bytes(serialization.Encoding.DER)
    except ValueError as error:
        raise ListRefused(f"The PEM cannot be read as a revocation list: {error}") from error


def require_counts(der: bytes, issuer: x509.Certificate, *, at: datetime) -> VerifiedList:
    """Hold a list to the profile, to its issuer and to the clock. Raises `ListRefused`."""
    checked = verify_list(der, issuer, max_size=_limits().max_size_mb * 1_000_000)
    if isinstance(checked, Refused):
        raise ListRefused(f"{checked.clause}: {checked.reason}. The list would not count, so it was not published.")
    if problem := _untimely(checked, at):
        raise ListRefused(f"{problem}. The list would not count, so it was not published.")
    return checked


def _untimely(checked: VerifiedList, at: datetime) -> str | None:
    meta, max_age = checked.meta, timedelta(days=_limits().max_age_days)
    if at < meta.this_update:
        return f"RFC 5280 5.1.2.4: thisUpdate, {meta.this_update:%Y-%m-%d %H:%M}Z, is still to come"
    if at >= meta.next_update:
        return f"RFC 5280 5.1.2.5: it is stale: nextUpdate was {meta.next_update:%Y-%m-%d %H:%M}Z"
    if at - meta.this_update > max_age:
        return f"config/limits.toml: it was issued {(at - meta.this_update).days} days ago; at most {max_age.days} are allowed"
    return None


def _checked_lists(target: Target, issuer: x509.Certificate) -> Iterator[VerifiedList]:
    s3, bucket = target.client("s3"), target.output("CrlBucket")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"lists/{issuer_key(issuer)}/")
    for found in (found for page in pages for found in page.get("Contents", [])):
        checked = verify_list(s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read(), issuer)
        if isinstance(checked, VerifiedList):
            yield checked


def _listed(checked: VerifiedList, issuer: x509.Certificate, *, problem: str | None) -> Listed:
    meta, key = checked.meta, issuer_key(issuer)
    return Listed(
        issuer_key=key,
        sha256=meta.sha256,
        number=str(meta.number),
        scope=meta.scope.id,
        delta=meta.base is not None,
        this_update=meta.this_update,
        next_update=meta.next_update,
        bucket_key=f"lists/{key}/{meta.sha256}.crl",
        problem=problem,
    )


def _limits() -> limits.CrlLimits:
    return limits.load(LIMITS.read_text(encoding="utf-8")).crl
