"""Commands that look first and act later: what happens in between is found, and what closes a door is never what is lost."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from gatehouse.errors import AnsweredNo
from gatehouse.reconciliation import findings, repairs
from gatehouse.revocation import authorities, ca_revocation, orders
from gatehouse.stack.target import Target
from tests import aws_environment, pki
from tests.unit.gatehouse.commands import enter

HASH = "ab" * 32
NOW = datetime.now(UTC)
AUTHORITY = pki.authority(not_before=NOW - pki.DAY, not_after=NOW + pki.YEAR)


@pytest.fixture
def ca(target: Target) -> str:
    return aws_environment.register_ca(AUTHORITY)


def between(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, what: Callable[[], object]) -> None:
    """`what` happens just before the first call of `owner.name`."""
    real, done = getattr(owner, name), False

    def call(*given: Any, **named: Any) -> Any:
        nonlocal done
        if not done:
            done = True
            what()
        return real(*given, **named)

    monkeypatch.setattr(owner, name, call)


def status(target: Target, ca: str) -> str:
    return authorities.show(target, ca).status


@pytest.mark.parametrize("moment", ["switch", "end"])
def test_attack_an_order_to_revoke_a_ca_is_not_ended_by_whoever_enables_it_at_that_moment(
    target: Target, ca: str, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """It was: then nobody was revoked, and nobody was told."""
    found = authorities.show(target, ca)
    owner = authorities if moment == "switch" else ca_revocation
    between(monkeypatch, owner, moment, lambda: ca_revocation.revoke(target, found, "Key copied"))
    with pytest.raises(AnsweredNo, match="has ordered meanwhile to revoke this CA: Key copied"):
        ca_revocation.enable(target, found, None, registration_only=False, reason="Ceremony accepted")
    assert orders.owed(target, ca) is not None
    assert status(target, ca) == "INACTIVE"


def test_a_ca_that_is_enabled_just_before_the_order_is_written_is_disabled_by_it(
    target: Target, ca: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = authorities.switch(target, authorities.show(target, ca), on=False, registration_only=False, reason="x")
    between(
        monkeypatch, orders, "write",
        lambda: ca_revocation.enable(target, found, None, registration_only=False, reason="Ceremony accepted"),
    )  # fmt: skip
    ca_revocation.revoke(target, found, "Key copied")
    assert (status(target, ca), orders.owed(target, ca) is not None) == ("INACTIVE", True)


def test_a_ca_that_is_revoked_while_it_is_registered_again_ends_disabled(
    target: Target, ca: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = authorities.show(target, ca)
    between(monkeypatch, authorities, "_register", lambda: ca_revocation.revoke(target, found, "Key copied"))
    with pytest.raises(AnsweredNo, match="is being revoked"):
        authorities.register(target, AUTHORITY.certificate, AUTHORITY.key, sni_only=True)  # type: ignore[arg-type]
    assert status(target, ca) == "INACTIVE"


def finding(target: Target, **unusual: Any) -> findings.Standing:
    known: dict[str, Any] = {"kind": "bound_without_certificate", "subject": "pump-1", "detail": "bound to x"}
    found = findings.Standing(**(known | unusual), since=NOW, seen_at=NOW)
    enter(target, "FindingsTable", [found])
    return found


def test_a_finding_that_is_another_by_now_is_not_accepted(target: Target) -> None:
    seen = finding(target)
    finding(target, detail="bound to y")
    with pytest.raises(AnsweredNo, match="has changed or ended meanwhile"):
        findings.accept(target, seen, "Meant so", NOW)
    assert findings.find(target, seen.kind, seen.subject).accepted_at is None
    findings.drop(target, seen)
    with pytest.raises(AnsweredNo, match="has changed or ended meanwhile"):
        findings.accept(target, seen, "Meant so", NOW)


def test_two_repairs_at_a_time_repair_once(target: Target) -> None:
    bound = {"lookup_key": "device#pump-1", "bound_certificate_id": HASH, "bound_at": NOW, "execution_arn": "arn:x"}
    row = {"certificate_id": HASH, "outcome": "refused", "claimed_at": NOW, "knocks": 1, "execution_arn": "arn:x"}
    enter(target, "InventoryTable", [bound])
    enter(target, "AdmissionsTable", [row])
    seen = finding(target)
    first, second = repairs.plan(target, seen), repairs.plan(target, seen)
    repairs.repair(target, seen, first, "Gone")
    with pytest.raises(AnsweredNo, match="nothing to repair"):
        repairs.repair(target, seen, second, "Gone")


def test_a_binding_of_an_open_admission_is_not_undone(target: Target) -> None:
    """*Activate certificate* binds first, and its thing holds the certificate a moment later."""
    bound = {"lookup_key": "device#pump-1", "bound_certificate_id": HASH, "bound_at": NOW, "execution_arn": "arn:x"}
    row = {"certificate_id": HASH, "outcome": "open", "claimed_at": NOW, "knocks": 1, "execution_arn": "arn:x"}
    enter(target, "InventoryTable", [bound])
    enter(target, "AdmissionsTable", [row])
    with pytest.raises(AnsweredNo, match="is open"):
        repairs.plan(target, finding(target))


def test_a_certificate_that_is_admitted_while_somebody_agrees_is_not_deactivated(local_target: Target, ca: str) -> None:
    certificate = pki.device(AUTHORITY, "pump-1", not_before=NOW - pki.DAY, not_after=NOW + pki.DAY)
    aws_environment.register_device(certificate, AUTHORITY, "ACTIVE")
    certificate_id = aws_environment.certificate_id(certificate)
    seen = finding(local_target, kind="active_without_decision", subject=certificate_id)
    planned = repairs.plan(local_target, seen)
    row = {
        "certificate_id": certificate_id,
        "outcome": "admitted",
        "claimed_at": NOW,
        "knocks": 1,
        "execution_arn": "arn:x",
    }
    enter(local_target, "AdmissionsTable", [row])
    with pytest.raises(AnsweredNo, match="admitted by now"):
        repairs.repair(local_target, seen, planned, "Unknown")
    described = aws_environment.client("iot").describe_certificate(certificateId=certificate_id)
    assert described["certificateDescription"]["status"] == "ACTIVE"
