"""One DescribeCertificate, the CA from the bucket, and the facts noted beside the admission."""

from typing import Any

import pytest
from msgspec.structs import replace

from functions.admission.inspect_certificate.app import handler
from functions.shared import issuers
from functions.shared.admissions import Admissions
from tests import aws_environment, faults, pki, trials
from tests.functions.admission.conftest import Case, Gate
from tests.unit.admission.examples import sha256
from workflows.admission import issuers as issuers_of
from workflows.admission import trial
from workflows.admission.errors import AdmissionNotOwned, CertificateUnknown, IssuerMismatch
from workflows.errors import AccessRefused, AwsUnavailable


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


def test_attack_another_certificate_below_issuers_holds_and_refuses_nobody_for_good(case: Case) -> None:
    """It was believed: expected devices were refused, since the wrong CA's key had not signed them."""
    key = f"issuers/{case.gate.ca_id}.pem"
    wrong = pki.authority("Somebody else's CA")
    case.gate.s3.put_object(Bucket="gatehouse-crls", Key=key, Body=wrong.pem.encode())
    with pytest.raises(IssuerMismatch, match=f"{key} in the bucket of lists is not the CA's certificate") as caught:
        inspect(case)
    assert issuers_of.fingerprint(wrong.certificate) in str(caught.value)
    assert f"aws s3 rm s3://CRL_BUCKET/{key}" in str(caught.value)
    assert caught.value.registered == case.gate.ca.certificate
    assert case.gate.s3.get_object(Bucket="gatehouse-crls", Key=key)["Body"].read().decode() == wrong.pem, (
        "left to look at"
    )
    case.gate.s3.delete_object(Bucket="gatehouse-crls", Key=key)
    assert inspect(case)["status"] == "acceptable"


def test_attack_the_same_name_and_key_in_another_certificate_is_not_believed_either(case: Case) -> None:
    other = pki.authority(serial=7)
    case.gate.s3.put_object(Bucket="gatehouse-crls", Key=f"issuers/{case.gate.ca_id}.pem", Body=other.pem.encode())
    with pytest.raises(IssuerMismatch):
        inspect(case)


def test_attack_a_huge_file_below_issuers_is_not_read_to_its_end(case: Case) -> None:
    key = f"issuers/{case.gate.ca_id}.pem"
    case.gate.s3.put_object(Bucket="gatehouse-crls", Key=key, Body=case.gate.ca.pem.encode() + b"\n" * 100_000)
    with faults.listening("s3", "GetObject") as asked:
        assert inspect(case)["status"] == "acceptable"
    assert [one["Range"] for one in asked if one["Key"] == key] == ["bytes=0-65536"]
    assert case.gate.s3.get_object(Bucket="gatehouse-crls", Key=key)["Body"].read().decode() == case.gate.ca.pem


def test_a_copy_whose_id_is_not_its_hash_is_believed_if_aws_iot_has_the_same(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS documents the hash for certificates of devices, and not for those of CAs."""
    monkeypatch.setattr(issuers_of, "proves_itself", lambda *_: False)
    inspect(case)
    issuers.load.cache_clear()
    with faults.dying_after(0) as calls:
        assert inspect(case)["status"] == "acceptable"
    assert "iot.DescribeCACertificate" in calls
    with faults.dying_after(0) as calls:
        inspect(case)
    assert "iot.DescribeCACertificate" not in calls, "kept while the function is warm"


def test_a_ca_that_is_gone_from_aws_iot_is_still_known_by_its_copy_and_by_no_other(case: Case) -> None:
    inspect(case)
    issuers.load.cache_clear()
    case.gate.iot.update_ca_certificate(certificateId=case.gate.ca_id, newStatus="INACTIVE")
    case.gate.iot.delete_ca_certificate(certificateId=case.gate.ca_id)
    assert inspect(case)["status"] == "acceptable"
    issuers.load.cache_clear()
    case.gate.s3.put_object(
        Bucket="gatehouse-crls", Key=f"issuers/{case.gate.ca_id}.pem", Body=pki.authority("Other").pem.encode()
    )
    with pytest.raises(IssuerMismatch, match="AWS IoT has no CA with this id") as caught:
        inspect(case)
    assert caught.value.registered is None


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


def test_a_ca_that_is_noted_as_a_trials_marks_facts_and_row(gate: Gate) -> None:
    case = trials_case(gate)
    trials.note(trials.of(gate.ca, case.certificate))
    assert inspect(case)["facts"]["trial"] is True
    assert case.gate.admission(case.certificate_id)["trial"] is True


def trials_case(gate: Gate) -> Case:
    gate.ca = trials.authority()
    gate.ca_id = aws_environment.register_ca(gate.ca)
    return Case(gate)


@pytest.mark.parametrize("how", ["illegible", "another trial's", "of another device"])
def test_attack_a_note_that_proves_nothing_bars_no_device_for_good(
    case: Case, how: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It marked the row for ever, and the function knew it until it was cold."""
    forger = trials.authority()
    made = trials.of(forger, pki.device(forger, "x"))
    if how == "of another device":
        made = replace(made, ca_certificate_id=case.gate.ca_id)
    key, body = f"trials/{case.gate.ca_id}.json", b"whatever" if how == "illegible" else trial.write(made)
    case.gate.s3.put_object(Bucket="gatehouse-crls", Key=key, Body=body)
    capsys.readouterr()
    with pytest.raises(IssuerMismatch, match=rf"{key} .*aws s3 rm s3://CRL_BUCKET/{key}"):
        inspect(case)
    assert any('"IssuerMismatch":[1.0]' in line.replace(" ", "") for line in capsys.readouterr().out.splitlines())
    assert "trial" not in case.gate.admission(case.certificate_id)
    case.gate.s3.delete_object(Bucket="gatehouse-crls", Key=key)
    assert inspect(case)["facts"]["trial"] is False  # while the function is warm


def test_a_new_claim_forgets_that_it_was_a_trials(case: Case) -> None:
    Admissions("Admissions").mark_trial(case.certificate_id)
    case.gate.dynamodb.update_item(
        TableName="Admissions",
        Key={"certificate_id": {"S": case.certificate_id}},
        UpdateExpression="SET reopen_at = :past",
        ExpressionAttributeValues={":past": {"N": "0"}},
    )
    case.execution = case.gate.claimed(case.event, "run-2")
    assert "trial" not in case.gate.admission(case.certificate_id)
    assert inspect(case)["facts"]["trial"] is False


def test_a_trials_ca_with_an_illegible_note_is_still_known_by_its_subject(gate: Gate) -> None:
    case = trials_case(gate)
    gate.s3.put_object(Bucket="gatehouse-crls", Key=f"trials/{gate.ca_id}.json", Body=b"whatever")
    assert inspect(case)["facts"]["trial"] is True


def test_a_trials_ca_whose_note_is_gone_is_known_by_its_subject(gate: Gate) -> None:
    gate.ca = trials.authority()
    gate.ca_id = aws_environment.register_ca(gate.ca)
    case = Case(gate)
    assert inspect(case)["facts"]["trial"] is True
    assert gate.admission(case.certificate_id)["trial"] is True


def test_the_row_is_marked_before_anything_can_fail(gate: Gate) -> None:
    case = trials_case(gate)
    trials.note(trials.of(gate.ca, case.certificate))
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
