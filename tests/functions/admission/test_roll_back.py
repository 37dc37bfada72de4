"""Whatever an admission got done is taken back, and said; what was not there is not listed."""

from typing import Any

import msgspec
import pytest

from functions.admission.activate_certificate.app import handler as activate
from functions.admission.attach_policy.app import handler as attach
from functions.admission.roll_back.app import handler
from functions.shared.inventory import Inventory
from tests import aws_environment, faults, pki
from tests.functions.admission.conftest import Case, Gate
from tests.unit.admission.examples import sha256
from workflows.admission import contracts
from workflows.admission.contracts import DeviceDecision, Execution, RollBack
from workflows.admission.errors import AdmissionNotOwned
from workflows.errors import AccessRefused, AwsUnavailable

FAULT = {"error": "PolicyRefused", "cause": "refused"}
OLD = sha256("old certificate")


class Done(Case):
    """Activated, and its policy attached."""

    def __init__(self, gate: Gate, common_name: str = "pump-0042", **of_record: Any) -> None:
        super().__init__(gate, common_name, **of_record)
        facts = self.inspected()
        self.device = self.looked_up()
        wire = contracts.write(self.device)
        self.step(activate, certificate=contracts.write(facts), device=wire, approval=None)
        self.step(attach, certificate_id=self.certificate_id, certificate_arn=self.arn, device=wire)

    def attached(self) -> tuple[list[str], list[str]]:
        iot = self.gate.iot
        policies = iot.list_attached_policies(target=self.arn)["policies"]
        return [one["policyName"] for one in policies], iot.list_principal_things(principal=self.arn)["things"]

    def is_undone(self) -> bool:
        status = self.gate.status(self.certificate_id)
        return (status, self.attached(), self.gate.binding(self.record.device)) == ("INACTIVE", ([], []), {})


@pytest.fixture
def done(gate: Gate) -> Done:
    return Done(gate)


def roll_back(case: Case, device: DeviceDecision) -> RollBack:
    answer = case.step(handler, certificate_id=case.certificate_id, device=contracts.write(device), fault=FAULT)
    return msgspec.convert(answer, RollBack)


def test_everything_is_taken_back_and_listed(done: Done) -> None:
    assert roll_back(done, done.device) == RollBack(
        undone=(
            "set the certificate from ACTIVE to INACTIVE",
            f"detached the policy {done.device.policy_name}",
            "detached the certificate from pump-0042",
            "unbound pump-0042",
        ),
        certificate_status="INACTIVE",
    )
    assert done.is_undone()


def test_the_certificate_is_deactivated_before_anything_else(done: Done) -> None:
    with faults.dying_after(0) as calls:
        roll_back(done, done.device)
    changes = [call for call in calls if call.split(".")[1].startswith(("Update", "Detach", "Delete"))]
    assert changes[:2] == ["dynamodb.UpdateItem", "iot.UpdateCertificate"]


def test_a_second_time_there_is_nothing_to_take_back(done: Done) -> None:
    roll_back(done, done.device)
    assert roll_back(done, done.device) == RollBack(undone=(), certificate_status="INACTIVE")


def test_what_was_not_done_is_not_listed(case: Case) -> None:
    """Rolled back before anything but the claim: the certificate was pending."""
    assert roll_back(case, case.looked_up()).undone == ("set the certificate from PENDING_ACTIVATION to INACTIVE",)


def test_dying_after_any_call_is_made_good_by_the_next_try(gate: Gate) -> None:
    def fresh(number: int) -> Done:
        return Done(gate, f"pump-{number:04}", device=f"pump-{number:04}")

    first = fresh(0)
    for number in faults.after_every_call(lambda: roll_back(first, first.device)):
        done = fresh(number)
        with faults.dying_after(number), pytest.raises(faults.Died):
            roll_back(done, done.device)
        roll_back(done, done.device)
        assert done.is_undone()


def test_what_the_binding_replaced_is_restored(done: Done) -> None:
    done.gate.dynamodb.delete_item(TableName="Inventory", Key={"lookup_key": {"S": "device#pump-0042"}})
    inventory = Inventory("Inventory")
    execution = Execution(arn=done.execution["arn"], name="run-1", started_at=pki.NOW)
    inventory.bind("pump-0042", OLD, replacing=None, execution=execution, at=pki.NOW - pki.YEAR)
    inventory.bind("pump-0042", done.certificate_id, replacing=OLD, execution=execution, at=pki.NOW)
    assert f"bound pump-0042 to certificate {OLD} again" in roll_back(done, done.device).undone
    binding = done.gate.binding("pump-0042")
    assert (binding["bound_certificate_id"], binding["bound_at"]) == (OLD, "2025-11-23T12:00:00Z")
    assert "previous_certificate_id" not in binding
    roll_back(done, done.device)
    assert done.gate.binding("pump-0042") == binding, "a repeat does not unbind what was restored"


def test_a_device_bound_by_another_certificate_stays_bound(case: Case) -> None:
    other = Execution(arn=f"{aws_environment.EXECUTIONS}:other", name="other", started_at=pki.NOW)
    Inventory("Inventory").bind("pump-0042", OLD, replacing=None, execution=other, at=pki.NOW)
    roll_back(case, case.looked_up())
    assert case.gate.binding("pump-0042")["bound_certificate_id"] == OLD


def test_a_certificate_that_somebody_revoked_stays_revoked(done: Done) -> None:
    done.gate.iot.update_certificate(certificateId=done.certificate_id, newStatus="REVOKED")
    answer = roll_back(done, done.device)
    assert answer.certificate_status == "REVOKED"
    assert done.gate.status(done.certificate_id) == "REVOKED"
    assert done.attached() == ([], [])


def test_a_certificate_that_is_gone_leaves_the_binding_to_undo(done: Done) -> None:
    for name in done.attached()[0]:
        done.gate.iot.detach_policy(policyName=name, target=done.arn)
    done.gate.iot.detach_thing_principal(thingName="pump-0042", principal=done.arn)
    done.gate.iot.update_certificate(certificateId=done.certificate_id, newStatus="INACTIVE")
    done.gate.iot.delete_certificate(certificateId=done.certificate_id)
    answer = roll_back(done, done.device)
    assert answer == RollBack(undone=("unbound pump-0042",), certificate_status="not in AWS IoT any more")


def test_other_policies_and_things_stay_attached(done: Done) -> None:
    """Only what Gatehouse attached is detached."""
    done.gate.iot.create_policy(policyName="theirs", policyDocument="{}")
    done.gate.iot.attach_policy(policyName="theirs", target=done.arn)
    roll_back(done, done.device)
    assert done.attached() == (["theirs"], [])


def test_an_overtaken_execution_touches_nothing(done: Done) -> None:
    done.execution = aws_environment.execution("run-2")
    with pytest.raises(AdmissionNotOwned):
        roll_back(done, done.device)
    assert done.gate.status(done.certificate_id) == "ACTIVE"


@pytest.mark.parametrize(
    ("service", "operation", "code", "error"),
    [
        ("iot", "UpdateCertificate", "ThrottlingException", AwsUnavailable),
        ("iot", "DescribeCertificate", "ThrottlingException", AwsUnavailable),
        ("iot", "DetachPolicy", "InternalFailureException", AwsUnavailable),
        ("iot", "ListAttachedPolicies", "UnauthorizedException", AccessRefused),
        ("iot", "DetachThingPrincipal", "ServiceUnavailableException", AwsUnavailable),
        ("dynamodb", "DeleteItem", "ThrottlingException", AwsUnavailable),
    ],
)
def test_faults_of_aws_stop_it_and_the_next_try_completes(
    done: Done, service: str, operation: str, code: str, error: Any
) -> None:
    with faults.refused(service, operation, code, times=9), pytest.raises(error):
        roll_back(done, done.device)
    roll_back(done, done.device)
    assert done.is_undone()
