"""The sweep, which revokes the certificates that a new list names: the contracts between its states, and how long it takes.

A sweep is *owed* for a current list that has not been swept. It compares the list with the last swept one, so the next sweep also does
the work of a failed one. If a list no longer names a certificate (a hold that ended, a missing entry), nothing is activated again:
people decide about it.

The sweep of a revoked CA has the same states: it revokes every certificate that AWS IoT has of that CA, whatever lists say.
"""

import math
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Literal

import msgspec
from msgspec import Struct

from workflows.admission.contracts import Execution
from workflows.admission.limits import Pacing
from workflows.errors import BadInput
from workflows.moments import Moment
from workflows.revocation.ca_revocation import AuthorityRevocation
from workflows.revocation.current_lists import Current
from workflows.revocation.entries import REMOVE, Entry
from workflows.revocation.publication import Changes, compare
from workflows.revocation.verdict import ListFacts, Verdict
from workflows.revocation.verified import VerifiedList

IN = frozenset({"admitted", "failed", "held", "open"})
"""Outcomes of an admission whose certificate is or may become ACTIVE. A held one is ACTIVE if its activation was interrupted just after
AWS IoT had set it, or if somebody did it by hand. A pending one only loses the next knock, at which it would be refused."""


class FindInput(Struct, frozen=True, kw_only=True):
    """Input of *Find revoked*. Either `slot` names the list to sweep, or `authority` the id of the CA to revoke."""

    issuer_key: str
    execution: Execution
    slot: str | None = None
    authority: str | None = None


class Item(Struct, frozen=True, kw_only=True):
    """One certificate to be revoked. It is the whole input of a child execution."""

    certificate_id: str
    issuer_key: str
    serial: str
    list: ListFacts
    accepted_at: Moment
    revocation_reason: str
    revocation_date: Moment

    def verdict(self) -> Verdict:
        return Verdict(
            status="revoked",
            reason=f"revoked on {self.revocation_date:%Y-%m-%d %H:%M:%S}Z, reason {self.revocation_reason}, by list {self.list.number}",
            serial_number=self.serial.upper(),
            issuer_key_sha256=self.issuer_key,
            at=self.accepted_at,
            governing=self.list,
            revocation_reason=self.revocation_reason,
            revocation_date=self.revocation_date,
        )

    @property
    def mark(self) -> str:
        """The value of `revoked_by` in the admission."""
        return self.list.sha256

    @property
    def act(self) -> str:
        """The name of the record."""
        return f"revoked-{self.list.sha256[:32]}"

    def reason(self) -> str:
        return self.verdict().reason


class AuthorityItem(Struct, frozen=True, kw_only=True):
    """As `Item`, for a certificate whose CA was revoked."""

    certificate_id: str
    authority: AuthorityRevocation

    @property
    def mark(self) -> str:
        return self.authority.mark

    @property
    def act(self) -> str:
        return self.authority.act

    def reason(self) -> str:
        return self.authority.why()


class Question(Struct, frozen=True, kw_only=True):
    """A refused certificate that is no longer on a list. A person decides whether its device may come back."""

    certificate_id: str
    serial: str
    device: str | None
    reason: str
    """Why it was refused."""


class FindResult(Struct, frozen=True, kw_only=True):
    """Output of *Find revoked*: `revoked` items are in the bucket under `key`, questions under `questions_key`."""

    issuer_key: str
    bucket: str
    slot: str = ""
    list_sha256: str | None = None
    """None if no sweep was owed, or for a CA."""
    list_number: str = ""
    authority: AuthorityRevocation | None = None
    key: str = ""
    questions_key: str = ""
    newly_listed: int = 0
    revoked: int = 0
    released: int = 0


class RevokeInput(Struct, frozen=True, kw_only=True):
    """Input of *Revoke certificate*. `read_item` reads `item`."""

    item: Any
    turn_at: Moment
    execution: Execution


class Revoked(Struct, frozen=True, kw_only=True):
    """Output of *Revoke certificate*. ``unchanged``: it was refused already."""

    certificate_id: str
    status: Literal["revoked", "unchanged"]
    evidence_key: str | None = None
    note: str = ""


class ReportInput(Struct, frozen=True, kw_only=True):
    """Input of *Report sweep*."""

    found: FindResult
    execution: Execution


class Report(Struct, frozen=True, kw_only=True):
    """Output of *Report sweep*, counted in the table. `still_open`: their admission has not ended, and cannot activate any more."""

    issuer_key: str
    list_sha256: str | None
    list_number: str
    newly_listed: int
    revoked: int
    still_open: int
    left: int
    released: int
    authority: AuthorityRevocation | None = None


def read_item(value: Any) -> Item | AuthorityItem:
    """Read an item that *Find revoked* wrote. Raises `BadInput`."""
    kind: type[Item | AuthorityItem] = AuthorityItem if isinstance(value, dict) and "authority" in value else Item
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise BadInput(f"Not an item of a sweep: {error}.") from error


def serial_of(octets: bytes) -> str:
    """A serial's DER content octets as `CertificateFacts.serial` writes it."""
    return octets.hex().lstrip("0") or "0"


def facts_of(verified: VerifiedList) -> ListFacts:
    return verified.meta.facts()


def changes(old: VerifiedList | None, new: VerifiedList, deltas: Iterable[VerifiedList]) -> Changes:
    """What `new` changes for devices since the last swept list. An entry that a newer one of the `deltas` removes does not count."""
    scope = new.meta.scope
    if scope.only_attribute or scope.only_ca:
        return Changes((), ())  # it does not cover devices' certificates
    newer = [
        delta
        for delta in deltas
        if new.meta.base is None and delta.meta.scope.id == scope.id and delta.meta.number > new.meta.number
    ]
    found = compare(old, new)
    return Changes(tuple(one for one in found.newly_revoked if not _taken_back(one.serial, newer)), found.released)


def _taken_back(serial: bytes, deltas: list[VerifiedList]) -> bool:
    return any(entry.reason == REMOVE for delta in deltas for entry in delta.find(serial))


def item(entry: Entry, certificate_id: str, current: Current, facts: ListFacts) -> Item:
    return Item(
        certificate_id=certificate_id,
        issuer_key=current.record.issuer_key_sha256,
        serial=serial_of(entry.serial),
        list=facts,
        accepted_at=current.record.accepted_at,
        revocation_reason=entry.reason,
        revocation_date=entry.revoked_on,
    )


def items_key(issuer_key: str, execution_name: str) -> str:
    return f"sweeps/{issuer_key}/{execution_name}.json"


def questions_key(issuer_key: str, list_sha256: str) -> str:
    return f"questions/{issuer_key}/{list_sha256}.json"


def takes(certificates: int, pacing: Pacing) -> tuple[timedelta, timedelta]:
    """How long this many certificates take: with the whole rate, and with the sweep's share of it only."""
    shares = pacing.shares
    share = shares.sweep / (shares.sweep + shares.carry_out + shares.admission)
    alone = certificates / pacing.calls_per_second
    return timedelta(seconds=math.ceil(alone)), timedelta(seconds=math.ceil(alone / share))
