"""The metrics for the alarms: the number of findings of each kind that nobody has accepted, and how long people and devices have waited."""

from datetime import datetime

from msgspec import Struct

from functions.reconciliation.reconcile_fleet import pages
from functions.reconciliation.reconcile_fleet.findings import Findings
from functions.shared.admissions import ADMISSION
from functions.shared.observability import count
from workflows.moments import Moment


class _Held(Struct, frozen=True, kw_only=True):
    awaited_since: Moment


class _Asked(Struct, frozen=True, kw_only=True):
    requested_at: Moment


def count_all(findings: Findings, admissions: str, approvals: str, at: datetime) -> None:
    """Raises `AwsUnavailable`, `AccessRefused`."""
    count("PendingWithoutAdmission", findings.number("pending_without_admission"))
    count("OpenWithoutExecution", findings.number("open_without_execution"))
    count("DecisionsNotCarriedOut", findings.number("decision_not_carried_out"))
    count("NotReturned", findings.number("not_returned"))
    count("ActiveWithoutDecision", findings.number("active_without_decision"))
    count("ActiveWithoutPolicy", findings.number("active_without_policy"))
    count("BoundWithoutCertificate", findings.number("bound_without_certificate"))
    count("OrphanThings", findings.number("orphan_thing"))
    held, _ = pages.query(admissions, "by_awaited", "awaited = :held", None, _Held, held=ADMISSION)
    count("OldestHeldHours", max((_hours(one.awaited_since, at) for one in held), default=0))
    pending, _ = pages.query(
        approvals, "by_status", "#status = :pending", None, _Asked, names={"#status": "status"}, pending="PENDING"
    )
    count("OldestApprovalHours", max((_hours(one.requested_at, at) for one in pending), default=0))


def _hours(since: datetime, at: datetime) -> int:
    return int((at - since).total_seconds() // 3600)
