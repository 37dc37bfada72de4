"""When a revocation list may become the current one, and what it changes (RFC 5280 §5.2.3, §5.3.1).

Nothing is stored or fetched here. A list is *accepted* if it is valid now, and is not older than the list accepted before it
for the same issuer key and scope.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from cryptography import x509

from workflows.moments import Moment
from workflows.revocation.entries import REMOVE, Entry
from workflows.revocation.verified import MAX_SIZE, ListMeta, VerifiedList, verify_list


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator allows."""

    max_age: timedelta | None = None
    """The longest time since thisUpdate, whatever nextUpdate says."""
    max_size: int = MAX_SIZE
    """Octets."""


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The stored facts of an accepted list, with which the next one is compared. Can be encoded as JSON."""

    issuer_key_sha256: str
    scope: str
    """See :func:`workflows.revocation.scope_id`."""
    delta: bool
    number: str
    """cRLNumber, decimal."""
    this_update: Moment
    next_update: Moment
    sha256: str
    size: int
    """Octets."""
    accepted_at: Moment

    def goes_stale_at(self, limits: Limits) -> datetime:
        """When the list stops counting: at nextUpdate, or when it is older than the operator allows."""
        if limits.max_age is None or self.next_update - self.this_update <= limits.max_age:
            return self.next_update
        return self.this_update + limits.max_age


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """A list that is not accepted: the rule that it broke, and how. Can be encoded as JSON."""

    clause: str
    reason: str
    sha256: str | None


class Acceptance(NamedTuple):
    """An accepted list: its record, and the list itself for :func:`build_index` and :func:`compare`."""

    record: Accepted
    verified: VerifiedList


def accept(
    data: bytes,
    issuer: x509.Certificate,
    at: datetime,
    previous: Accepted | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Acceptance | Rejected:
    """Judge a list that somebody wants to make current at ``at``.

    ``previous`` is the record accepted last for the same issuer key and scope (:func:`slot` names it). The same list
    is accepted again, so that an interrupted publication can be repeated.

    Raises ValueError for a naive ``at``, and DerError if the issuer's certificate cannot be read.
    """
    if at.tzinfo is None or at.utcoffset() is None:
        raise ValueError("at is a naive datetime, expected one with a time zone")
    verified = verify_list(data, issuer, max_size=limits.max_size)
    if not isinstance(verified, VerifiedList):
        return Rejected(clause=verified.clause, reason=verified.reason, sha256=verified.sha256)
    meta = verified.meta
    failed = meta.out_of_time(at, limits.max_age) or _step_back(meta, previous)
    if failed is not None:
        return Rejected(clause=failed[0], reason=failed[1], sha256=meta.sha256)
    record = Accepted(
        issuer_key_sha256=meta.issuer_key_sha256,
        scope=meta.scope.id,
        delta=meta.base is not None,
        number=str(meta.number),
        this_update=meta.this_update,
        next_update=meta.next_update,
        sha256=meta.sha256,
        size=len(data),
        accepted_at=at,
    )
    return Acceptance(record, verified)


def slot(meta: ListMeta) -> str:
    """The name of a current list's place: one for each issuer key and scope, and one for its deltas."""
    return f"{meta.issuer_key_sha256}/{meta.scope.id}" + ("/delta" if meta.base is not None else "")


def _step_back(meta: ListMeta, previous: Accepted | None) -> tuple[str, str] | None:
    if previous is None or previous.sha256 == meta.sha256:
        return None
    if (meta.issuer_key_sha256, meta.scope.id, meta.base is not None) != (
        previous.issuer_key_sha256,
        previous.scope,
        previous.delta,
    ):
        raise ValueError(f"the record of {previous.sha256} is of another issuer key or scope than list {meta.sha256}")
    number = int(previous.number)
    if meta.number < number:
        return "RFC 5280 5.2.3", f"number {meta.number} is lower than the last one accepted, {number}"
    if meta.number == number:
        return "RFC 5280 5.2.3", f"number {number} has been given to another list, {previous.sha256}, already"
    if meta.this_update < previous.this_update:
        return "RFC 5280 5.2.3", f"issued before list {number}, though its number, {meta.number}, is higher"
    return None


class Changes(NamedTuple):
    """What a new list means for admitted certificates."""

    newly_revoked: tuple[Entry, ...]
    """In the new list's order. A hold revokes too."""
    released: tuple[bytes, ...]
    """Serials (DER content octets) that are no longer listed. A person decides about them; nothing is activated again automatically."""


def compare(old: VerifiedList | None, new: VerifiedList) -> Changes:
    """What ``new`` changes against ``old``, the list that was current for the same issuer key and scope.

    A delta releases only the entries that it marks removeFromCRL. It need not repeat an older delta's entries.
    With a million entries this needs one set of serials, about 150 MB.
    """
    if new.meta.base is not None:
        return _compare_deltas(old, new)
    before = set() if old is None else {serial for serial, _ in old.serials()}
    missing = set(before)
    added: dict[bytes, int] = {}
    for serial, at in new.serials():
        if serial in before:
            missing.discard(serial)
        else:
            added.setdefault(serial, at)
    return Changes(tuple(new.entry(at) for at in added.values()), tuple(sorted(missing)))


def _compare_deltas(old: VerifiedList | None, new: VerifiedList) -> Changes:
    before = set() if old is None else {_said(old.entry(at)) for _, at in old.serials()}
    fresh = [entry for entry in (new.entry(at) for _, at in new.serials()) if _said(entry) not in before]
    return Changes(
        tuple(entry for entry in fresh if entry.reason != REMOVE),
        tuple(entry.serial for entry in fresh if entry.reason == REMOVE),
    )


def _said(entry: Entry) -> tuple[bytes, bool]:
    return entry.serial, entry.reason == REMOVE
