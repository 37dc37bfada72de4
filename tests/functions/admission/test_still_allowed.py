"""What was decided is carried out while it holds, and not once time, people or lists have overtaken it."""

from datetime import timedelta
from typing import Any

import pytest

from functions.admission.activate_certificate.app import handler
from functions.shared.inventory import Inventory
from tests import aws_environment, faults, pki
from tests.functions.admission.activating import Prepared
from tests.functions.admission.conftest import Case, Gate
from workflows.admission import contracts
from workflows.admission.contracts import Execution
from workflows.admission.errors import (
    ApprovalLapsed,
    CertificateChanged,
)


@pytest.fixture
def case(gate: Gate) -> Prepared:
    return Prepared(gate)


@pytest.mark.parametrize("status", ["INACTIVE", "REVOKED"])
def test_a_certificate_that_somebody_set_while_people_thought_stays_so(case: Prepared, status: Any) -> None:
    case.gate.iot.update_certificate(certificateId=case.certificate_id, newStatus=status)
    with pytest.raises(CertificateChanged, match=status):
        case.activate(case.approval(), case.by_people())
    assert case.gate.status(case.certificate_id) == status
    assert not case.gate.binding("pump-0042")


def test_an_approval_is_carried_out_until_the_moment_it_says(case: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    aws_environment.set_clock(monkeypatch, pki.NOW + pki.HOUR)
    case.activate(case.approval(), case.by_people())
    assert case.gate.status(case.certificate_id) == "ACTIVE"


def test_an_approval_is_not_carried_out_later(case: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    aws_environment.set_clock(monkeypatch, pki.NOW + pki.HOUR + timedelta(seconds=1))
    with pytest.raises(ApprovalLapsed, match="until 2026-11-23 13:00:00 UTC"):
        case.activate(case.approval(), case.by_people())
    assert case.nothing_happened()


def test_a_redrive_days_later_does_not_act_on_old_answers(case: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list may have been renewed since: nothing is activated on a verdict of last week."""
    with faults.dying_after(3), pytest.raises(faults.Died):
        case.activate()
    assert case.gate.binding("pump-0042")
    aws_environment.set_clock(monkeypatch, pki.NOW + 7 * pki.DAY)
    with pytest.raises(ApprovalLapsed):
        case.activate()
    assert case.nothing_happened(), "what the first try bound was released"


def test_a_redrive_of_an_activation_that_was_made_in_time_goes_on(
    case: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It died between UpdateCertificate and its answer: the certificate is ACTIVE, and must get its policy."""
    case.activate()  # its answer is lost
    aws_environment.set_clock(monkeypatch, pki.NOW + pki.DAY)
    assert case.activate().thing_name == "pump-0042"


@pytest.mark.parametrize("bound", [True, False])
def test_somebody_elses_activation_does_not_pass_for_ours(
    case: Prepared, monkeypatch: pytest.MonkeyPatch, bound: bool
) -> None:
    if bound:
        other = Execution(arn=f"{aws_environment.EXECUTIONS}:other", name="other", started_at=pki.NOW)
        Inventory("Inventory").bind("pump-0042", case.certificate_id, replacing=None, execution=other, at=pki.NOW)
    case.gate.iot.update_certificate(certificateId=case.certificate_id, newStatus="ACTIVE")
    aws_environment.set_clock(monkeypatch, pki.NOW + pki.DAY)
    with pytest.raises(ApprovalLapsed):
        case.activate()


@pytest.mark.parametrize(("by", "told"), [("0" * 64, "List 00"), ("authority " + "a" * 64, "Authority aa")])
def test_a_certificate_that_a_new_list_or_the_end_of_its_ca_has_revoked_since_is_not_activated(
    case: Case, by: str, told: str
) -> None:
    """The sweep marks an admission that is open; from then on it can activate no more."""
    given = {
        "certificate": contracts.write(case.inspected()),
        "device": contracts.write(case.looked_up()),
        "approval": None,
    }
    case.gate.dynamodb.update_item(
        TableName="Admissions",
        Key={"certificate_id": {"S": case.certificate_id}},
        UpdateExpression="SET revoked_by = :list",
        ExpressionAttributeValues={":list": {"S": by}},
    )
    with pytest.raises(CertificateChanged, match=f"{told}.* has revoked the certificate"):
        case.step(handler, **given)
    assert case.gate.status(case.certificate_id) == "PENDING_ACTIVATION"
