"""One DescribeCertificate, the CA from the bucket, and the facts noted beside the admission."""

from typing import Any

import pytest

from functions.admission.inspect_certificate.app import handler
from functions.shared import issuers
from tests import aws_environment, faults, pki, trials
from tests.functions.admission.conftest import Case, Gate
from tests.unit.admission.examples import sha256
from workflows.admission.errors import AccessRefused, AdmissionNotOwned, AwsUnavailable, CertificateUnknown


def inspect(case: Case, **unusual: Any) -> Any:
    return case.step(
        handler, **({"certificate_id": case.certificate_id, "ca_certificate_id": case.gate.ca_id} | unusual)
    )


def test_the_certificate_is_read_and_its_facts_are_noted(case: Case) -> None:
    answer = inspect(case)
    assert (answer["status"], answer["iot_status"]) == ("acceptable", "PENDING_ACTIVATION")
    assert answer["facts"]["common_name"] == "pump-0042"
    row = case.gate.admission(case.certificate_id)
    for noted in ("subject", "common_name", "issuer_key", "serial"):
        assert row[noted] == answer["facts"][noted]
    assert row["inspected_at"] == "2026-11-23T12:00:00Z"


def test_aws_iot_is_asked_once_for_the_certificate_and_once_ever_for_the_ca(case: Case) -> None:
    with faults.dying_after(0) as calls:
        inspect(case)
    assert [call for call in calls if call.startswith("iot.")] == [
        "iot.DescribeCertificate",
        "iot.DescribeCACertificate",
    ]
    issuers.load.cache_clear()  # a cold start, another function
    with faults.dying_after(0) as calls:
        inspect(case)
    assert [call for call in calls if call.startswith("iot.")] == ["iot.DescribeCertificate"]
    with faults.dying_after(0) as calls:
        inspect(case)
    assert "s3.GetObject" not in calls, "the CA is kept while the function is warm"


def test_the_cas_certificate_is_kept_as_registered(case: Case) -> None:
    inspect(case)
    kept = case.gate.s3.get_object(Bucket="gatehouse-crls", Key=f"issuers/{case.gate.ca_id}.pem")["Body"].read()
    assert kept.decode() == case.gate.ca.pem


def test_a_spoilt_file_in_the_bucket_is_asked_for_again(case: Case) -> None:
    case.gate.s3.put_object(Bucket="gatehouse-crls", Key=f"issuers/{case.gate.ca_id}.pem", Body=b"<html>")
    assert inspect(case)["status"] == "acceptable"


def test_a_certificate_that_aws_does_not_know_is_said_so(case: Case) -> None:
    case.gate.iot.delete_certificate(certificateId=case.certificate_id)
    with pytest.raises(CertificateUnknown):
        inspect(case)


def test_a_ca_that_aws_does_not_know_is_said_so(case: Case) -> None:
    with pytest.raises(CertificateUnknown):
        inspect(case, ca_certificate_id=sha256("gone"))


def test_an_unacceptable_certificate_is_an_answer_not_an_error(gate: Gate) -> None:
    case = Case(gate)
    impostor = pki.authority(private_key=pki.key("impostor"))
    foreign = pki.device(impostor)
    event = gate.knock(foreign)
    case.execution, case.certificate_id = gate.claimed(event, "run-2"), event["certificateId"]
    answer = inspect(case)
    assert answer["status"] == "unacceptable"
    assert gate.admission(case.certificate_id)["subject"] == answer["facts"]["subject"]


@pytest.mark.parametrize(("ca", "status"), [(None, "acceptable"), (sha256("other CA"), "unacceptable")])
def test_the_ca_that_aws_names_must_be_the_one_in_the_event(case: Case, ca: str | None, status: str) -> None:
    """moto does not name it; AWS IoT does."""

    def name_it(answer: dict[str, Any]) -> None:
        answer["certificateDescription"]["caCertificateId"] = ca or case.gate.ca_id

    with faults.answering("iot", "DescribeCertificate", name_it):
        assert inspect(case)["status"] == status


@pytest.mark.parametrize("status", ["INACTIVE", "REVOKED"])
def test_a_status_that_somebody_else_set_is_reported(case: Case, status: Any) -> None:
    case.gate.iot.update_certificate(certificateId=case.certificate_id, newStatus=status)
    assert inspect(case)["status"] == "not_pending"


def test_an_execution_that_does_not_own_the_admission_is_stopped(case: Case) -> None:
    case.execution = aws_environment.execution("run-2")
    with pytest.raises(AdmissionNotOwned):
        inspect(case)


@pytest.mark.parametrize(
    ("service", "operation", "code", "error"),
    [
        ("iot", "DescribeCertificate", "ThrottlingException", AwsUnavailable),
        ("iot", "DescribeCertificate", "InternalFailureException", AwsUnavailable),
        ("iot", "DescribeCertificate", "UnauthorizedException", AccessRefused),
        ("iot", "DescribeCACertificate", "ServiceUnavailableException", AwsUnavailable),
        ("s3", "GetObject", "SlowDown", AwsUnavailable),
        ("s3", "GetObject", "AccessDenied", AccessRefused),
        ("s3", "PutObject", "AccessDenied", AccessRefused),
        ("dynamodb", "UpdateItem", "ProvisionedThroughputExceededException", AwsUnavailable),
    ],
)
def test_faults_of_aws_are_told_apart(case: Case, service: str, operation: str, code: str, error: Any) -> None:
    with faults.refused(service, operation, code, times=9), pytest.raises(error):
        inspect(case)
    assert inspect(case)["status"] == "acceptable"


def test_a_ca_that_is_noted_as_a_trials_marks_facts_and_row(case: Case) -> None:
    case.gate.s3.put_object(Bucket="gatehouse-crls", Key=f"trials/{case.gate.ca_id}.json", Body=b"whatever")
    assert inspect(case)["facts"]["trial"] is True
    assert case.gate.admission(case.certificate_id)["trial"] is True


def test_a_trials_ca_whose_note_is_gone_is_known_by_its_subject(gate: Gate) -> None:
    gate.ca = trials.authority()
    gate.ca_id = aws_environment.register_ca(gate.ca)
    case = Case(gate)
    assert inspect(case)["facts"]["trial"] is True
    assert gate.admission(case.certificate_id)["trial"] is True


def test_the_row_is_marked_before_anything_can_fail(case: Case) -> None:
    case.gate.s3.put_object(Bucket="gatehouse-crls", Key=f"trials/{case.gate.ca_id}.json", Body=b"whatever")
    case.gate.iot.delete_certificate(certificateId=case.certificate_id)
    with pytest.raises(CertificateUnknown):
        inspect(case)
    assert case.gate.admission(case.certificate_id)["trial"] is True


def test_the_fleets_devices_are_no_trials_and_pay_one_read_a_warm_function(case: Case) -> None:
    assert inspect(case)["facts"]["trial"] is False
    assert "trial" not in case.gate.admission(case.certificate_id)
    with faults.dying_after(0) as calls:
        inspect(case)
    assert [call for call in calls if call.startswith("s3.")] == []
