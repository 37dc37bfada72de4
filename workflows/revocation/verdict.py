"""The result of the check, and the evidence for it. msgspec can encode every part as JSON."""

from typing import Literal

import msgspec

from workflows.moments import Moment

Status = Literal["good", "revoked", "unknown"]


class ListFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One revocation list that counted."""

    sha256: str
    """Of the list's DER, lower-case hex."""
    number: str
    """cRLNumber in decimal: up to 160 bits, so a string."""
    this_update: Moment
    next_update: Moment
    scope: str
    """Identifies what the list covers: see :func:`workflows.revocation.scope.scope_id`."""
    delta_base: str | None = None
    """BaseCRLNumber, if the list is a delta."""


class NotCounted(msgspec.Struct, frozen=True, kw_only=True):
    """One revocation list that did not count."""

    sha256: str | None
    """None if it was too large to be read at all."""
    clause: str
    """The rule it failed, e.g. ``RFC 5280 5.2.3``, or ``profile: …`` for a rule of Gatehouse's own."""
    reason: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """``good``: certainly not revoked. ``revoked``: with reason and date. ``unknown``: ``reason`` says why it is not known."""

    status: Status
    reason: str
    """For people, one sentence."""
    certificate_sha256: str | None = None
    serial_number: str | None = None
    """The certificate's, in upper-case hex of its DER content octets."""
    issuer_key_sha256: str | None = None
    """Of the issuer's SubjectPublicKeyInfo, DER."""
    at: Moment
    """The time for which the certificate was checked."""
    governing: ListFacts | None = None
    """The list that decided."""
    with_lists: tuple[ListFacts, ...] = ()
    """Other lists that were used: a delta's base, the other parts of a list that is split by reason."""
    revocation_reason: str | None = None
    """CRLReason as RFC 5280 §5.3.1 names it; ``unspecified`` if the entry gives none."""
    revocation_date: Moment | None = None
    not_counted: tuple[NotCounted, ...] = ()
