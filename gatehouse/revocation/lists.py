"""Revocation lists from the operator's side: hand one in, hear what became of it, and see what is current."""

import secrets
import time
from datetime import datetime, timedelta
from typing import Literal

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from gatehouse.errors import AnsweredNo, NotFound, Unreachable
from gatehouse.evidence.audit_trail import recorded
from gatehouse.revocation import authorities
from gatehouse.stack import configuration, objects
from gatehouse.stack.target import Target
from workflows.admission import issuers
from workflows.admission.facts import issuer_key
from workflows.errors import BadInput
from workflows.revocation import current_lists
from workflows.revocation.current_lists import Current, CurrentLists, KeptAside, Published, Result
from workflows.revocation.publication import Limits

LOOK_EVERY_SECONDS = 0.2
_ENDS: tuple[Literal["accepted", "rejected"], ...] = ("accepted", "rejected")


class NoList(BadInput):
    """The file is plainly no revocation list, so it was not handed in."""


class ListRejected(AnsweredNo):
    """The list would not count. It is kept aside, and the last good one stays. The message names the clause it fails."""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One list that is current. `number` is decimal text, since a cRLNumber may have 160 bits."""

    issuer_key: str
    sha256: str
    number: str
    scope: str
    delta: bool
    entries: int
    this_update: datetime
    next_update: datetime
    accepted_at: datetime
    goes_stale_at: datetime
    """At nextUpdate, or when it is older than ``max_age_days`` allows."""
    hours_left: float
    """Until then; negative since then."""
    sweep_owed: bool
    """Certificates that it newly revokes may still be ACTIVE."""
    bucket_key: str
    problem: str | None = None
    """Why it does not count now, if it does not."""


def publish(target: Target, data: bytes, ca_certificate_id: str, *, at: datetime, within: float = 120.0) -> Published:
    """Hand a list (DER or PEM) in, and wait until `publish_crl` has judged it. Safe to repeat. `within` is in seconds.

    Raises `ListRejected` with the clause it fails, `NoList`, `NotFound` for an unknown CA, `Unreachable` if there is no answer in time.
    """
    kept_issuer(target, ca_certificate_id)
    der = to_der(data)
    key = f"incoming/{ca_certificate_id}/{at:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}.crl"
    with recorded(target, "revocation", "publish", key, new={"ca_certificate_id": ca_certificate_id}):
        objects.write(target, "CrlBucket", key, der, "application/pkix-crl")
        result = _wait_for_result(target, key, within)
        if isinstance(result, KeptAside):
            raise ListRejected(
                f"{result.clause}: {result.reason}. The list does not count; the last good one stays. "
                f"It is kept as {current_lists.result_key(key, 'rejected')}."
            )
    return result


def status(target: Target, ca_certificate_id: str, *, at: datetime) -> list[Listed]:
    """Every list that is current for a CA's key, the one that goes stale first before the others. Raises `NotFound`."""
    return listed(current(target, issuer_key(kept_issuer(target, ca_certificate_id))), at=at)


def every(target: Target, *, at: datetime) -> list[Listed]:
    """The same for every CA."""
    return [one for found in every_current(target) for one in listed(found, at=at)]


def listed(found: CurrentLists, *, at: datetime) -> list[Listed]:
    return sorted((_listed(one, at) for one in found.slots.values()), key=lambda one: one.goes_stale_at)


def every_current(target: Target) -> list[CurrentLists]:
    """Every issuer key's."""
    keys = objects.keys(target, "CrlBucket", "current/")
    return [current(target, key.removeprefix("current/").removesuffix(".json")) for key in keys]


def current(target: Target, key: str) -> CurrentLists:
    """What is current under an issuer key; nothing, if nothing was ever published."""
    data = read_object(target, current_lists.key_of(key))
    return CurrentLists(issuer_key=key) if data is None else current_lists.read(data, key)


def kept_issuer(target: Target, ca_certificate_id: str) -> x509.Certificate:
    """The CA's certificate as ``ca register`` kept it, if it is AWS IoT's. Raises `NotFound`, `BadInput` if it is another."""
    key = issuers.key_of(ca_certificate_id)
    content = read_object(target, key)
    if content is None:
        raise NotFound(
            f"No certificate is kept of the CA {ca_certificate_id!r}. `gatehouse ca list` shows the ids; `gatehouse ca register` keeps it."
        )
    kept = authorities.read_certificate(content, key)
    if not issuers.proves_itself(kept, ca_certificate_id):
        registered = authorities.registered(target, ca_certificate_id)
        if kept != registered:
            raise BadInput(issuers.mismatch(ca_certificate_id, kept, registered))
    return kept


def kept_issuers(target: Target) -> list[str]:
    """The ids of the CAs whose certificates are kept."""
    keys = objects.keys(target, "CrlBucket", "issuers/")
    return [key.removeprefix("issuers/").removesuffix(".pem") for key in keys]


def to_der(data: bytes) -> bytes:
    """A list's DER from DER or PEM. Raises `NoList` for what is plainly none."""
    start = data.lstrip()[:256]
    if start[:1] == b"<":
        raise NoList("The file is HTML or XML, perhaps a sign-in page that was saved in place of the list.")
    if not start.startswith(b"-----BEGIN"):
        return data
    if not start.startswith(b"-----BEGIN X509 CRL-----"):
        label = start.splitlines()[0].decode("ascii", "replace")
        raise NoList(f"The PEM holds {label[:60]!r}; expected -----BEGIN X509 CRL-----.")
    try:
        return x509.load_pem_x509_crl(data).public_bytes(serialization.Encoding.DER)
    except ValueError as error:
        raise NoList(f"The PEM cannot be read as a revocation list: {error}") from error


def read_object(target: Target, key: str) -> bytes | None:
    """An object of the bucket of lists; None if there is none."""
    found = objects.read(target, "CrlBucket", key)
    return None if found is None else found.data


def allowed() -> Limits:
    """What ``config/limits.toml`` allows a list."""
    bounds = configuration.limits().crl
    return Limits(max_age=timedelta(days=bounds.max_age_days), max_size=bounds.max_size_mb * 1_000_000)


def _wait_for_result(target: Target, key: str, within: float) -> Result:
    deadline = time.monotonic() + within
    while True:
        for end in _ENDS:
            data = read_object(target, current_lists.result_key(key, end))
            if data is not None:
                return current_lists.read_result(data)
        if time.monotonic() > deadline:
            raise Unreachable(
                f"{key} is handed in, and was not judged within {within:g} s. It may still be: gatehouse crl status"
            )
        time.sleep(LOOK_EVERY_SECONDS)


def _listed(one: Current, at: datetime) -> Listed:
    record = one.record
    stale_at = record.goes_stale_at(allowed())
    problem = None
    if at >= stale_at:
        why = "nextUpdate has passed" if at >= record.next_update else "it is older than max_age_days allows"
        problem = f"stale: {why}"
    return Listed(
        issuer_key=record.issuer_key_sha256,
        sha256=record.sha256,
        number=record.number,
        scope=record.scope,
        delta=record.delta,
        entries=one.entries,
        this_update=record.this_update,
        next_update=record.next_update,
        accepted_at=record.accepted_at,
        goes_stale_at=stale_at,
        hours_left=round((stale_at - at) / timedelta(hours=1), 2),
        sweep_owed=one.sweep_is_owed,
        bucket_key=current_lists.list_key(record),
        problem=problem,
    )
