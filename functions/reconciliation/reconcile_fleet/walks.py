"""The walks: each compares one page of one side with the other side, and applies the rules for findings."""

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import timedelta

from msgspec import Struct

from functions.reconciliation.reconcile_fleet import pages, unheard
from functions.reconciliation.reconcile_fleet.fleet import NEWEST, Fleet, Listed
from functions.reconciliation.reconcile_fleet.unheard import Tellers
from functions.shared import certificates, clock, issuers
from functions.shared.admissions import RETURN
from functions.shared.timestamps import stamp
from workflows import stored
from workflows.admission.errors import CertificateUnknown, IssuerMismatch
from workflows.admission.inventory import Binding, device_key
from workflows.admission.limits import Reconciling
from workflows.approval.request import Request
from workflows.reconciliation import findings
from workflows.reconciliation.findings import GRACE, Finding, Kind, Row
from workflows.reconciliation.rounds import ROTATED, Cursor, Walk, is_selected


class Tables(Struct, frozen=True, kw_only=True):
    """The names of the tables and of the bucket."""

    admissions: str
    approvals: str
    inventory: str
    findings: str
    lists: str
    """The bucket of lists, which also has the CAs' certificates."""


_REDRIVABLE = timedelta(days=14)
"""For this time after a failure, Step Functions allows a redrive."""


class Page(Struct, frozen=True, kw_only=True):
    """The findings of one page, and the next page; None after the last. `over` are subjects of *pending_without_admission* that ended."""

    findings: tuple[Finding, ...] = ()
    over: tuple[str, ...] = ()
    next: str | None = None


class _Noted(Struct, frozen=True, kw_only=True):
    subject: str


class Walks:
    """`page` processes one page. Each method below is one walk, and reads its own format of `after`."""

    def __init__(self, tables: Tables, tellers: Tellers, limits: Reconciling) -> None:
        self._tellers, self._one_in = tellers, limits.one_in
        self._admissions, self._approvals, self._inventory = tables.admissions, tables.approvals, tables.inventory
        self._findings, self._lists = tables.findings, tables.lists
        self._fleet = Fleet(limits.calls_per_second)
        self._within = timedelta(hours=limits.returned_within_hours)

    def page(self, cursor: Cursor) -> Page:
        """Process the page at `cursor`. Raises `AwsUnavailable`, `AccessRefused`."""
        walk, self._since, self._number = cursor.walk, cursor.since, cursor.number
        if walk is None:
            return Page()
        walks: dict[Walk, Callable[[str | None], Page]] = {
            "registered": self._registered,
            "unanswered": self._unanswered,
            "open": self._open,
            "failures": self._failures,
            "decisions": self._decisions,
            "returns": self._returns,
            "certificates": self._certificates,
            "bindings": self._bindings,
            "things": self._things,
        }
        return walks[walk](cursor.page)

    def _registered(self, after: str | None) -> Page:
        """The newest certificates of each CA, back to those that an earlier round has checked."""
        ca, marker = stored.read(after, tuple[str, str | None]) if after else (self._fleet.next_ca(""), None)
        if ca is None:
            return Page()
        if marker is None:
            self._keep_certificate(ca)
        listed, following = self._fleet.certificates(ca, marker, NEWEST)
        fresh = [one for one in listed if self._since is None or one.registered_at >= self._since]
        if len(fresh) < len(listed):
            following = None
        return Page(findings=self._pending(fresh), next=self._next_of(ca, following))

    def _keep_certificate(self, ca: str) -> None:
        """Store the CA's certificate in the bucket, so that *Look up device* counts a CA that was not registered with ``gatehouse`` before
        its first device connects."""
        with suppress(CertificateUnknown, IssuerMismatch):  # AWS IoT no longer has it; a mismatch has its own alarm
            issuers.load(self._lists, ca)

    def _unanswered(self, after: str | None) -> Page:
        """Certificates that waited without an admission and have one now. The round *fleet* drops those that were deleted."""
        condition = "kind = :noted"
        noted, following = pages.query(
            self._findings, None, condition, after, _Noted, noted="pending_without_admission"
        )
        return Page(over=tuple(pages.admissions(self._admissions, [one.subject for one in noted])), next=following)

    def _pending(self, listed: Iterable[Listed]) -> tuple[Finding, ...]:
        waiting = {one.certificate_id: one.registered_at for one in listed if one.status == "PENDING_ACTIVATION"}
        rows = pages.admissions(self._admissions, list(waiting))
        made = (findings.of_pending(one, at, rows.get(one), clock.now()) for one, at in waiting.items())
        return tuple(one for one in made if one is not None)

    def _next_of(self, ca: str, following: str | None) -> str | None:
        following_ca = ca if following else self._fleet.next_ca(ca)
        return json.dumps([following_ca, following]) if following_ca else None

    def _open(self, after: str | None) -> Page:
        """Open admissions that are old enough. Each is read again from the table, since the index lags."""
        condition, until = "outcome = :open AND claimed_at < :until", clock.now() - GRACE
        rows, following = pages.query(self._admissions, "by_outcome", condition, after, Row, open="open", until=until)
        ended = {row.certificate_id: self._fleet.execution(row.execution_arn) for row in rows}
        now = pages.admissions(self._admissions, list(ended))
        owned = {row.certificate_id: row.execution_arn for row in rows}
        same = [row for row in now.values() if row.execution_arn == owned[row.certificate_id]]
        for row in same:
            if findings.is_unheard(row, *ended[row.certificate_id], clock.now()):
                unheard.tell(self._tellers, row.execution_arn, recorded=False)
        return _page((findings.of_open(row, *ended[row.certificate_id], clock.now()) for row in same), following)

    def _failures(self, after: str | None) -> Page:
        """Have recent failures without a sealed record sealed. Returns no findings."""
        condition, since = "outcome = :failed AND claimed_at > :since", clock.now() - _REDRIVABLE
        rows, following = pages.query(
            self._admissions, "by_outcome", condition, after, Row, failed="failed", since=since
        )
        now = pages.admissions(self._admissions, [row.certificate_id for row in rows])
        for row in now.values():
            if findings.is_unsealed(row, clock.now()):
                unheard.tell(self._tellers, row.execution_arn, recorded=True)
        return Page(next=following)

    def _decisions(self, after: str | None) -> Page:
        state, _, key = (after or "OWED").partition(" ")
        requests, following = pages.query(
            self._approvals, "by_owed", "owed = :state", key or None, Request, state=state
        )
        nothing_left = None if state == "LOST" else "LOST"
        made = (findings.of_decision(one, clock.now()) for one in requests)
        return _page(made, f"{state} {following}" if following else nothing_left)

    def _returns(self, after: str | None) -> Page:
        at = clock.now()
        condition, until = "awaited = :awaited AND awaited_since < :until", stamp(at - self._within)
        rows, following = pages.query(
            self._admissions, "by_awaited", condition, after, Row, awaited=RETURN, until=until
        )
        return _page((findings.of_return(row, at, self._within) for row in rows), following)

    def _certificates(self, after: str | None) -> Page:
        ca, marker = stored.read(after, tuple[str, str | None]) if after else (self._fleet.next_ca(""), None)
        if ca is None:
            return Page()
        listed, following = self._fleet.certificates(ca, marker)
        active = [one.certificate_id for one in listed if one.status == "ACTIVE"]
        rows = pages.admissions(self._admissions, active)
        made: list[Finding | None] = []
        for certificate_id in active:
            row = rows.get(certificate_id)
            policies = None
            if row is not None and findings.asks_policies(
                row, selected=self.asks(self._number, "active_without_policy", certificate_id)
            ):
                policies = self._fleet.policies(certificates.arn(row.execution_arn, "cert", certificate_id))
            made.append(findings.of_active(certificate_id, row, policies))
        return _page([*made, *self._pending(listed)], self._next_of(ca, following))

    def asks(self, number: int, kind: Kind, subject: str) -> bool:
        """Returns whether the round with this number checks `subject` for this kind."""
        return kind not in ROTATED or is_selected(subject, number, self._one_in)

    def _bindings(self, after: str | None) -> Page:
        bound, following = pages.scan(self._inventory, device_key(""), after, Binding)
        made = []
        for one in bound:
            device = one.lookup_key.removeprefix(device_key(""))
            if not self.asks(self._number, "bound_without_certificate", device):
                continue
            principals = self._fleet.principals(device)
            made.append(findings.of_binding(device, one.bound_certificate_id, one.bound_at, principals, clock.now()))
        return _page(made, following)

    def _things(self, after: str | None) -> Page:
        names, following = self._fleet.things(after)
        bound = pages.known_keys(self._inventory, [device_key(name) for name in names])
        made = []
        for name in names:
            if device_key(name) in bound:
                continue
            rows, _ = pages.query(self._admissions, "by_device", "device = :device", None, Row, device=name)
            if rows:  # otherwise Gatehouse did not create the thing
                made.append(findings.of_thing(name, rows[-1], self._fleet.principals(name) or ()))
        return _page(made, following)


def _page(made: Iterable[Finding | None], following: str | None) -> Page:
    return Page(findings=tuple(one for one in made if one is not None), next=following)
