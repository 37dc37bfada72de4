"""Revocation lists from the operator's side: check one against its CA, and put it where the admissions look."""

from collections.abc import Iterable, Iterator
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
from workflows.revocation import VerifiedList, verify_list
from workflows.revocation.publication import Acceptance, Accepted, Limits, Rejected, accept, slot
from workflows.revocation.verified import ListMeta

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

    Raises `ListRefused` with the clause for a list that would not count, or that steps back behind one that is there.
    """
    issuer = kept_issuer(target, ca_certificate_id)
    der = to_der(data)
    verified = require_acceptable(der, issuer, at=at).verified
    if previous := _newest(_published(target, issuer), slot(verified.meta)):
        require_acceptable(der, issuer, at=at, previous=previous)
    found = _listed(verified.meta, problem=None)
    with recorded(target, "revocation", "publish", found.bucket_key, new={"ca_certificate_id": ca_certificate_id}):
        target.client("s3").put_object(
            Bucket=target.output("CrlBucket"), Key=found.bucket_key, Body=der, ContentType="application/pkix-crl"
        )
    return found


def status(target: Target, ca_certificate_id: str, *, at: datetime) -> list[Listed]:
    """Every list of a CA that lies in the bucket, the highest number first, and why it does not count now, if so."""
    issuer = kept_issuer(target, ca_certificate_id)
    published = sorted(_published(target, issuer), key=lambda one: one.meta.number, reverse=True)
    newest: dict[str, str] = {}
    found = []
    for one in published:
        governing = newest.setdefault(slot(one.meta), one.meta.sha256)
        problem = "a newer one governs" if governing != one.meta.sha256 else _problem(one.raw.data, issuer, at)
        found.append(_listed(one.meta, problem=problem))
    return found


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


def require_acceptable(
    der: bytes, issuer: x509.Certificate, *, at: datetime, previous: Accepted | None = None
) -> Acceptance:
    """Hold a list to the profile, to its issuer, to the clock, and to the one before it. Raises `ListRefused`."""
    judged = accept(der, issuer, at, previous, _limits())
    if isinstance(judged, Rejected):
        raise ListRefused(f"{judged.clause}: {judged.reason}. The list would not count, so it was not published.")
    return judged


def _problem(der: bytes, issuer: x509.Certificate, at: datetime) -> str | None:
    judged = accept(der, issuer, at, None, _limits())
    return f"{judged.clause}: {judged.reason}" if isinstance(judged, Rejected) else None


def _published(target: Target, issuer: x509.Certificate) -> Iterator[VerifiedList]:
    s3, bucket = target.client("s3"), target.output("CrlBucket")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"lists/{issuer_key(issuer)}/")
    for found in (found for page in pages for found in page.get("Contents", [])):
        verified = verify_list(s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read(), issuer)
        if isinstance(verified, VerifiedList):
            yield verified


def _newest(published: Iterable[VerifiedList], place: str) -> Accepted | None:
    """The record of the highest number in the same place, as what comes next is held to."""
    rivals = [one for one in published if slot(one.meta) == place]
    if not rivals:
        return None
    newest = max(rivals, key=lambda one: one.meta.number)
    meta = newest.meta
    return Accepted(
        issuer_key_sha256=meta.issuer_key_sha256,
        scope=meta.scope.id,
        delta=meta.base is not None,
        number=str(meta.number),
        this_update=meta.this_update,
        next_update=meta.next_update,
        sha256=meta.sha256,
        size=len(newest.raw.data),
        accepted_at=meta.this_update,
    )


def _listed(meta: ListMeta, *, problem: str | None) -> Listed:
    return Listed(
        issuer_key=meta.issuer_key_sha256,
        sha256=meta.sha256,
        number=str(meta.number),
        scope=meta.scope.id,
        delta=meta.base is not None,
        this_update=meta.this_update,
        next_update=meta.next_update,
        bucket_key=f"lists/{meta.issuer_key_sha256}/{meta.sha256}.crl",
        problem=problem,
    )


def _limits() -> Limits:
    """What ``config/limits.toml`` allows."""
    allowed = limits.load(LIMITS.read_text(encoding="utf-8")).crl
    return Limits(max_age=timedelta(days=allowed.max_age_days), max_size=allowed.max_size_mb * 1_000_000)
