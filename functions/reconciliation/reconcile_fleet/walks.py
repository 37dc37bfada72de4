"""The walks: each puts one page of one side beside the other, and asks the rules."""

import json
from collections.abc import Callable, Iterable
from datetime import timedelta

from msgspec import Struct

from functions.reconciliation.reconcile_fleet import pages, unheard
from functions.reconciliation.reconcile_fleet.fleet import Fleet
from functions.reconciliation.reconcile_fleet.unheard import Tellers
from functions.shared import certificates, clock
from functions.shared.admissions import RETURN
from functions.shared.timestamps import stamp
from workflows.admission.inventory import Binding, device_key
from workflows.admission.limits import Reconciling
from workflows.approval.request import Request
from workflows.reconciliation import findings
from workflows.reconciliation.findings import GRACE, Finding, Row
from workflows.reconciliation.rounds import Walk

_REDRIVABLE = timedelta(days=14)
"""For as long Step Functions redrives a failed execution, and so says what its event would have held."""


class Page(Struct, frozen=True, kw_only=True):
    """What one page showed, and what to ask for next; None: this was the last."""

    findings: tuple[Finding, ...] = ()
    next: str | None = None


class Walks:
    """`page` takes the step; each method below is one walk, and knows how to read its own `after`."""

    def __init__(self, admissions: str, approvals: str, inventory: str, tellers: Tellers, limits: Reconciling) -> None:
        self._tellers = tellers
        self._admissions, self._approvals, self._inventory = admissions, approvals, inventory
        self._fleet = Fleet(limits.calls_per_second)
        self._within = timedelta(hours=limits.returned_within_hours)

    def page(self, walk: Walk, after: str | None) -> Page:
        """The next page of `walk`. Raises `AwsUnavailable`, `AccessRefused`."""
        walks: dict[Walk, Callable[[str | None], Page]] = {
            "open": self._open,
            "failures": self._failures,
            "decisions": self._decisions,
            "returns": self._returns,
            "certificates": self._certificates,
            "bindings": self._bindings,
            "things": self._things,
        }
        return walks[walk](after)

    def _open(self, after: str | None) -> Page:
        """Open admissions that are old enough; what is found is looked at again as it stands now, since the index lags."""
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
        """Failures of the last days that no record tells of. Nothing is found: they are sealed now."""
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
        found, following = pages.query(self._approvals, "by_owed", "owed = :state", key or None, Request, state=state)
        nothing_left = None if state == "LOST" else "LOST"
        made = (findings.of_decision(one, clock.now()) for one in found)
        return _page(made, f"{state} {following}" if following else nothing_left)

    def _returns(self, after: str | None) -> Page:
        at = clock.now()
        condition, until = "awaited = :awaited AND awaited_since < :until", stamp(at - self._within)
        rows, following = pages.query(
            self._admissions, "by_awaited", condition, after, Row, awaited=RETURN, until=until
        )
        return _page((findings.of_return(row, at, self._within) for row in rows), following)

    def _certificates(self, after: str | None) -> Page:
        ca, marker = json.loads(after) if after else (self._fleet.next_ca(""), None)
        if ca is None:
            return Page()
        active, following = self._fleet.active_certificates(ca, marker)
        rows = pages.admissions(self._admissions, active)
        found: list[Finding | None] = []
        for certificate_id in active:
            row = rows.get(certificate_id)
            policies = None
            if row is not None and findings.asks_policies(row):
                policies = self._fleet.policies(certificates.arn(row.execution_arn, "cert", certificate_id))
            found.append(findings.of_active(certificate_id, row, policies))
        following_ca = ca if following else self._fleet.next_ca(ca)
        return _page(found, json.dumps([following_ca, following]) if following_ca else None)

    def _bindings(self, after: str | None) -> Page:
        bound, following = pages.scan(self._inventory, device_key(""), after, Binding)
        made = []
        for one in bound:
            device = one.lookup_key.removeprefix(device_key(""))
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
            if rows:  # otherwise it is somebody else's
                made.append(findings.of_thing(name, rows[-1], self._fleet.principals(name) or ()))
        return _page(made, following)


def _page(found: Iterable[Finding | None], following: str | None) -> Page:
    return Page(findings=tuple(one for one in found if one is not None), next=following)
