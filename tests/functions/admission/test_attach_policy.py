"""The policy that was decided on, with exactly its document, attached."""

import json
from typing import Any

import msgspec
import pytest

from functions.admission.attach_policy.app import handler
from functions.shared import settings
from tests import aws_environment, faults
from tests.functions.admission.conftest import Case
from workflows.admission import contracts
from workflows.admission.contracts import DeviceDecision, PolicyAttachment
from workflows.admission.errors import AdmissionNotOwned, CertificateChanged, CertificateUnknown, PolicyRefused
from workflows.errors import AccessRefused, AwsUnavailable


@pytest.fixture
def device(case: Case) -> DeviceDecision:
    return case.looked_up()


def attach(case: Case, device: DeviceDecision) -> PolicyAttachment:
    answer = case.step(
        handler, certificate_id=case.certificate_id, certificate_arn=case.arn, device=contracts.write(device)
    )
    return msgspec.convert(answer, PolicyAttachment)


def attached(case: Case) -> list[str]:
    return [policy["policyName"] for policy in case.gate.iot.list_attached_policies(target=case.arn)["policies"]]


def test_a_missing_policy_is_made_and_attached(case: Case, device: DeviceDecision) -> None:
    attachment = attach(case, device)
    assert attachment.created
    assert attached(case) == [device.policy_name] == [attachment.policy_name]
    made = json.loads(case.gate.iot.get_policy(policyName=attachment.policy_name)["policyDocument"])
    shipped = json.loads((settings.CONFIGURATION / "policies" / "device.json").read_text())
    assert made == attachment.document == shipped


def test_an_existing_policy_costs_no_create(case: Case, device: DeviceDecision) -> None:
    attach(case, device)
    with faults.dying_after(0) as calls:
        again = attach(case, device)
    assert not again.created
    assert calls == ["dynamodb.UpdateItem", "iot.GetPolicy", "iot.AttachPolicy"]
    assert attached(case) == [device.policy_name]


def test_a_policy_that_somebody_makes_at_the_same_moment_is_used(case: Case, device: DeviceDecision) -> None:
    attach(case, device)
    with faults.refused("iot", "GetPolicy", "ResourceNotFoundException", status=404):
        assert not attach(case, device).created


def test_a_policy_that_was_just_made_and_is_not_seen_yet_is_tried_again(case: Case, device: DeviceDecision) -> None:
    with (
        faults.refused("iot", "AttachPolicy", "ResourceNotFoundException", status=404),
        pytest.raises(AwsUnavailable, match="does not find the policy"),
    ):
        attach(case, device)
    assert not attach(case, device).created
    assert attached(case) == [device.policy_name]


def test_a_policy_that_somebody_else_made_and_that_is_not_shown_yet_is_tried_again(
    case: Case, device: DeviceDecision
) -> None:
    """CreatePolicy says that it exists, GetPolicy that it does not: nobody has changed its document."""
    attach(case, device)
    with (
        faults.refused("iot", "GetPolicy", "ResourceNotFoundException", status=404, times=2),
        pytest.raises(AwsUnavailable, match="does not return it yet"),
    ):
        attach(case, device)


def test_a_certificate_that_is_gone_is_told_from_a_policy_that_is(case: Case, device: DeviceDecision) -> None:
    with (
        faults.refused("iot", "AttachPolicy", "ResourceNotFoundException", status=404),
        faults.refused("iot", "DescribeCertificate", "ResourceNotFoundException", status=404),
        pytest.raises(CertificateUnknown),
    ):
        attach(case, device)


def test_a_policy_of_that_name_with_another_document_is_refused(case: Case, device: DeviceDecision) -> None:
    """Somebody widened it in AWS IoT: no device gets rights that nobody decided on."""
    wide = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}
    case.gate.iot.create_policy(policyName=device.policy_name, policyDocument=json.dumps(wide))
    with pytest.raises(PolicyRefused, match="another document"):
        attach(case, device)
    assert attached(case) == []


def test_a_document_written_another_way_is_the_same(case: Case, device: DeviceDecision) -> None:
    shipped = json.loads((settings.CONFIGURATION / "policies" / "device.json").read_text())
    spaced = json.dumps(dict(reversed(shipped.items())), indent=4)
    case.gate.iot.create_policy(policyName=device.policy_name, policyDocument=spaced)
    assert not attach(case, device).created


@pytest.mark.parametrize("changed", [{"policy_name": "gatehouse-device-000000000000"}, {"policy_name": None}])
def test_a_profile_that_was_changed_since_is_not_attached(case: Case, device: DeviceDecision, changed: Any) -> None:
    with faults.dying_after(0) as calls, pytest.raises(PolicyRefused, match="was changed while the admission ran"):
        attach(case, msgspec.structs.replace(device, **changed))
    assert calls == []


def test_a_profile_that_is_gone_is_not_attached(case: Case, device: DeviceDecision) -> None:
    assert device.record is not None
    gone = msgspec.structs.replace(device.record, policy_profile="gone")
    with pytest.raises(PolicyRefused, match="no such profile"):
        attach(case, msgspec.structs.replace(device, record=gone))


def test_an_overtaken_execution_touches_nothing(case: Case, device: DeviceDecision) -> None:
    case.execution = aws_environment.execution("run-2")
    with faults.dying_after(0) as calls, pytest.raises(AdmissionNotOwned):
        attach(case, device)
    assert calls == ["dynamodb.UpdateItem"]


def test_a_redrive_gives_no_rights_to_what_was_revoked_meanwhile(case: Case, device: DeviceDecision) -> None:
    """The sweep has marked the failed admission, and has not closed it yet."""
    case.gate.dynamodb.update_item(
        TableName="Admissions",
        Key={"certificate_id": {"S": case.certificate_id}},
        UpdateExpression="SET revoked_by = :list, outcome = :failed",
        ExpressionAttributeValues={":list": {"S": "0" * 64}, ":failed": {"S": "failed"}},
    )
    with (
        faults.dying_after(0) as calls,
        pytest.raises(CertificateChanged, match="has revoked the certificate since it was checked"),
    ):
        attach(case, device)
    assert calls == ["dynamodb.UpdateItem"]


def test_dying_after_any_call_is_made_good_by_the_next_try(case: Case, device: DeviceDecision) -> None:
    for number in (1, 2, 3, 4):
        with faults.dying_after(number), pytest.raises(faults.Died):
            attach(case, device)
        attach(case, device)
        assert attached(case) == [device.policy_name]
        case.gate.iot.detach_policy(policyName=device.policy_name, target=case.arn)
        case.gate.iot.delete_policy(policyName=device.policy_name)


@pytest.mark.parametrize(
    ("operation", "code", "error"),
    [
        ("CreatePolicy", "MalformedPolicyException", PolicyRefused),
        ("CreatePolicy", "InvalidRequestException", PolicyRefused),
        ("AttachPolicy", "InvalidRequestException", PolicyRefused),
        ("AttachPolicy", "LimitExceededException", PolicyRefused),
        ("AttachPolicy", "ResourceNotFoundException", AwsUnavailable),
        ("GetPolicy", "ThrottlingException", AwsUnavailable),
        ("CreatePolicy", "ServiceUnavailableException", AwsUnavailable),
        ("AttachPolicy", "ThrottlingException", AwsUnavailable),
        ("CreatePolicy", "UnauthorizedException", AccessRefused),
    ],
)
def test_faults_of_aws_are_told_apart(
    case: Case, device: DeviceDecision, operation: str, code: str, error: Any
) -> None:
    with faults.refused("iot", operation, code, times=9), pytest.raises(error):
        attach(case, device)
    assert attached(case) == []
