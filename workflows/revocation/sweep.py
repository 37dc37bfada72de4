"""The sweep: what a new list means for certificates that are in already. Contracts between its states, and how long it takes.

A list that is current and has not been swept yet is *owed* a sweep; it compares the list with the last one that was swept, so that a sweep
that failed is made good by the next. Nothing that a list takes back (a hold that ended, an entry that is gone) reactivates anything: it is
a question for people.

The sweep of a CA that was revoked as a whole goes the same way: it takes every certificate that AWS IoT has of that CA, whatever lists say.
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
from workflows.revocation.entries import REMOVE, Entry
from workflows.revocation.manifest import Current
from workflows.revocation.publication import Changes, compare
from workflows.revocation.verdict import ListFacts, Verdict
from workflows.revocation.verified import VerifiedList

IN = frozenset({"admitted", "failed", "held", "open"})
"""Outcomes of an admission whose certificate is, or may yet become, ACTIVE. A held one is, if its activation was cut off just after AWS IoT
had made it so, or if somebody did it by hand; one that waits loses only the knock at which it would be refused."""


class FindInput(Struct, frozen=True, kw_only=True):
    """Input of *Find revoked*. Either `slot`, of the list that is owed a sweep, or `authority`, the id of the CA whose order is."""

    issuer_key: str
    execution: Execution
    slot: str | None = None
    authority: str | None = None


class Item(Struct, frozen=True, kw_only=True):
    """One certificate to be revoked: complete in itself, since a child execution knows nothing else."""

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
        """What `revoked_by` says in the admission."""
        return self.list.sha256

    @property
    def act(self) -> str:
        """How the record is called."""
        return f"revoked-{self.list.sha256[:32]}"

    def reason(self) -> str:
        return self.verdict().reason


class AuthorityItem(Struct, frozen=True, kw_only=True):
    """The same for a certificate whose CA was revoked."""

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
    """A certificate that is refused, and on no list any more. Whether its device may come back is for a person to say."""

    certificate_id: str
    serial: str
    device: str | None
    reason: str
    """Why it was refused."""


class Found(Struct, frozen=True, kw_only=True):
    """Output of *Find revoked*: `revoked` items lie in the bucket under `key`, questions under `questions_key`."""

    issuer_key: str
    bucket: str
    slot: str = ""
    list_sha256: str | None = None
    """None: nothing was owed, or it was for a CA's sake."""
    list_number: str = ""
    authority: AuthorityRevocation | None = None
    key: str = ""
    questions_key: str = ""
    newly_listed: int = 0
    revoked: int = 0
    released: int = 0


class RevokeInput(Struct, frozen=True, kw_only=True):
    """Input of *Revoke certificate*. `item` is for `read_item`."""

    item: Any
    turn_at: Moment
    execution: Execution


class Revoked(Struct, frozen=True, kw_only=True):
    """Output of *Revoke certificate*. ``unchanged``: it was not in any more."""

    certificate_id: str
    status: Literal["revoked", "unchanged"]
    evidence_key: str | None = None
    note: str = ""


class ReportInput(Struct, frozen=True, kw_only=True):
    """Input of *Report sweep*."""

    found: Found
    execution: Execution


class Report(Struct, frozen=True, kw_only=True):
    """Output of *Report sweep*, as the admissions table has it. `still_open`: their admissions go on, and cannot activate any more."""

    issuer_key: str
    list_sha256: str | None
    list_number: str
    newly_listed: int
    revoked: int
    still_open: int
    left: int
    released: int
    authority: AuthorityRevocation | None = None


def read_item(found: Any) -> Item | AuthorityItem:
    """An item as *Find revoked* wrote it. Raises `BadInput`."""
    kind: type[Item | AuthorityItem] = AuthorityItem if isinstance(found, dict) and "authority" in found else Item
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError as error:
        raise BadInput(f"No item of a sweep: {error}.") from error


def serial_of(octets: bytes) -> str:
    """A serial's DER content octets as `CertificateFacts.serial` writes it."""
    return octets.hex().lstrip("0") or "0"


def facts_of(verified: VerifiedList) -> ListFacts:
    return verified.meta.facts()


def changes(old: VerifiedList | None, new: VerifiedList, deltas: Iterable[VerifiedList]) -> Changes:
    """What `new` means for devices, against the last list that was swept. What a newer one of the `deltas` takes back is not revoked."""
    scope = new.meta.scope
    if scope.only_attribute or scope.only_ca:
        return Changes((), ())  # it speaks for no device's certificate
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
    """How long so many take: alone at the account's quota, and while people and knocking devices want their shares."""
    shares = pacing.shares
    share = shares.sweep / (shares.sweep + shares.carry_out + shares.admission)
    alone = certificates / pacing.calls_per_second
    return timedelta(seconds=math.ceil(alone)), timedelta(seconds=math.ceil(alone / share))
