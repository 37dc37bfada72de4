"""No outcome without its evidence, whatever is repeated and whatever fails."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import msgspec
import pytest
from botocore.exceptions import ClientError

from functions.admission.seal_evidence.app import handler
from functions.shared import aws, clock
from functions.shared.admissions import NEVER, Admissions
from functions.shared.signing import public_key
from tests import aws_environment, pki, records
from workflows.admission.contracts import Execution, SealInput
from workflows.admission.errors import AdmissionNotOwned, CertificateChanged
from workflows.canonical import canonical, sha256
from workflows.errors import AccessRefused, AwsUnavailable
from workflows.evidence import jws
from workflows.evidence.errors import EvidenceConflict
from workflows.evidence.record import AdmissionRecord, parse

PUMP = records.certificate_id()


def claim(run: str = "one", device: str = "pump-0042") -> Execution:
    """The execution that owns the admission."""
    owner = records.execution(run)
    identity = records.certificate_id(device)
    claimed, _ = Admissions("Admissions").claim(identity, sha256(b"ca"), owner, clock.now())
    assert claimed
    return owner


def seal(request: SealInput | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = handler(msgspec.to_builtins(request or records.seal_input()), aws_environment.context())
    return answer


def stored(key: str) -> bytes:
    data: bytes = boto3.client("s3").get_object(Bucket="gatehouse-evidence", Key=key)["Body"].read()
    return data


def opened(key: str, environment: dict[str, str]) -> AdmissionRecord:
    keys = jws.Keys(public_key(environment["SIGNING_KEY_ARN"]))
    made = parse(jws.opened(stored(key), kind=jws.RECORD, keys=keys))
    assert isinstance(made, AdmissionRecord)
    return made


def row(device: str = "pump-0042") -> dict[str, Any]:
    key = {"certificate_id": {"S": records.certificate_id(device)}}
    return boto3.client("dynamodb").get_item(TableName="Admissions", Key=key).get("Item", {})


def keys_kept() -> list[str]:
    found = boto3.client("s3").list_objects_v2(Bucket="gatehouse-evidence").get("Contents", [])
    return [thing["Key"] for thing in found]


def failing(
    monkeypatch: pytest.MonkeyPatch, service: str, call: str, error: Exception, *, after: bool = False
) -> Callable[[], None]:
    """Let one AWS call fail, before or after it took effect; returns what puts it right."""
    target = aws.client(service)
    right = getattr(target, call)

    def fail(**arguments: Any) -> None:
        if after:
            right(**arguments)
        raise error

    monkeypatch.setattr(target, call, fail)
    return lambda: monkeypatch.setattr(target, call, right)


def client_error(code: str, status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Call")


def test_the_record_is_signed_and_the_admission_closed_with_it(environment: dict[str, str]) -> None:
    claim()
    answer = seal()
    assert answer["evidence_key"] == f"records/{PUMP}/one.json"
    assert answer["evidence_sha256"] == sha256(stored(answer["evidence_key"]))
    made = opened(answer["evidence_key"], environment)
    assert made.dossier == records.seal_input().dossier
    assert made.event == records.seal_input().event
    assert (made.workflow_version, made.code_version) == ("0123abc", "0.0.0")
    closed = row()
    assert closed["outcome"]["S"] == "admitted"
    assert closed["evidence_sha256"]["S"] == answer["evidence_sha256"]
    assert closed["device"]["S"] == "pump-0042"
    assert int(closed["reopen_at"]["N"]) == NEVER


@pytest.mark.parametrize(("outcome", "minutes"), [("held", 60), ("failed", 15)])
def test_a_held_or_failed_admission_may_start_anew_after_its_wait(outcome: Any, minutes: int) -> None:
    claim()
    answer = seal(records.seal_input(outcome=outcome))
    expected = pki.NOW + timedelta(minutes=minutes)
    assert msgspec.convert(answer["reopen_at"], type(expected)) == expected
    assert int(row()["reopen_at"]["N"]) == clock.milliseconds(expected)


def test_the_next_record_of_a_certificate_names_the_one_before(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    claim()
    first = seal(records.seal_input(outcome="held"))
    aws_environment.set_clock(monkeypatch, pki.NOW + timedelta(hours=2))
    again = seal(records.seal_input(run="two", execution=claim("two")))
    previous = opened(again["evidence_key"], environment).previous
    assert previous is not None
    assert (previous.key, previous.sha256) == (first["evidence_key"], first["evidence_sha256"])


def test_the_first_record_of_a_second_certificate_names_the_device_s_last(environment: dict[str, str]) -> None:
    claim()
    first = seal()
    other = records.altered(records.dossier("pump-0043"), device=records.dossier("pump-0042").device)
    claim("two", "pump-0043")
    answer = seal(records.seal_input("pump-0043", execution=records.execution("two"), dossier=other))
    made = opened(answer["evidence_key"], environment)
    assert made.previous is None
    assert made.device_previous is not None
    assert made.device_previous.sha256 == first["evidence_sha256"]


@pytest.mark.parametrize("outcome", ["admitted", "held"])
def test_a_repeat_answers_the_same_and_writes_nothing_new(outcome: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the time from which a held device may knock again: it counts from the sealing, not from the repeat."""
    claim()
    first = seal(records.seal_input(outcome=outcome))
    kept = stored(first["evidence_key"])
    aws_environment.set_clock(monkeypatch, pki.NOW + timedelta(hours=1))
    assert seal(records.seal_input(outcome=outcome)) == first
    assert stored(first["evidence_key"]) == kept


def test_a_crash_after_storing_is_made_good_by_the_next_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer of S3 is lost: the record lies there, and the try after it closes the admission with that very record."""
    claim()
    lost = client_error("InternalError", 500)
    mend = failing(monkeypatch, "s3", "put_object", lost, after=True)
    with pytest.raises(AwsUnavailable):
        seal()
    assert row()["outcome"]["S"] == "open"
    mend()
    aws_environment.set_clock(monkeypatch, pki.NOW + timedelta(minutes=5))
    answer = seal()
    assert msgspec.convert(answer["sealed_at"], type(pki.NOW)) == pki.NOW
    assert row()["evidence_sha256"]["S"] == answer["evidence_sha256"] == sha256(stored(answer["evidence_key"]))


REFUSALS = {
    "KMS is down": ("kms", "sign", client_error("KMSInternalException", 500), AwsUnavailable),
    "KMS throttles": ("kms", "sign", client_error("ThrottlingException"), AwsUnavailable),
    "the key is unreachable": ("kms", "sign", client_error("KeyUnavailableException"), AwsUnavailable),
    "the key is disabled": ("kms", "sign", client_error("DisabledException"), AccessRefused),
    "the key is to be deleted": ("kms", "sign", client_error("KMSInvalidStateException"), AccessRefused),
    "S3 has no room": ("s3", "put_object", client_error("InsufficientStorage", 507), AwsUnavailable),
    "S3 is slow": ("s3", "put_object", client_error("SlowDown", 503), AwsUnavailable),
    "two write at once": ("s3", "put_object", client_error("ConditionalRequestConflict", 409), AwsUnavailable),
    "Object Lock refuses": ("s3", "put_object", client_error("AccessDenied", 403), AccessRefused),
    "Object Lock is misconfigured": ("s3", "put_object", client_error("InvalidRequest", 400), ClientError),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_while_sealing_fails_the_admission_stays_open_and_a_redrive_makes_it_good(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the device's state then is: as the step before left it; no other execution may touch it; nothing is half-closed."""
    service, call, error, expected = REFUSALS[name]
    claim()
    mend = failing(monkeypatch, service, call, error)
    with pytest.raises(expected):
        seal()
    assert keys_kept() == []
    assert row()["outcome"]["S"] == "open"
    claimed, _ = Admissions("Admissions").claim(PUMP, sha256(b"ca"), records.execution("two"), clock.now())
    assert not claimed
    mend()
    seal()
    assert row()["outcome"]["S"] == "admitted"


def test_an_execution_that_was_overtaken_seals_nothing() -> None:
    claim("another")
    with pytest.raises(AdmissionNotOwned):
        seal()
    assert keys_kept() == []


def mark(closed_by: str | None = None) -> None:
    """A list revokes the certificate: its sweep has marked the admission, or closed it too."""
    closing = ", outcome = :refused, closed_by = :list" if closed_by else ""
    boto3.client("dynamodb").update_item(
        TableName="Admissions",
        Key={"certificate_id": {"S": PUMP}},
        UpdateExpression=f"SET revoked_by = :list{closing}",
        ExpressionAttributeValues={":list": {"S": closed_by or "0" * 64}}
        | ({":refused": {"S": "refused"}} if closing else {}),
    )


def test_what_was_revoked_meanwhile_is_never_sealed_as_admitted() -> None:
    claim()
    mark()
    with pytest.raises(CertificateChanged, match="has revoked the certificate since it was checked"):
        seal()
    assert keys_kept() == []
    seal(records.seal_input(outcome="failed"))
    assert row()["outcome"]["S"] == "failed"


def test_what_was_sealed_as_admitted_before_it_was_revoked_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    claim()
    mend = failing(monkeypatch, "s3", "put_object", client_error("InternalError", 500), after=True)
    with pytest.raises(AwsUnavailable):
        seal()
    mend()
    mark()
    seal()
    assert row()["outcome"]["S"] == "admitted"


def test_an_admission_that_a_sweep_has_closed_is_not_opened_again() -> None:
    claim()
    mark(closed_by="0" * 64)
    with pytest.raises(AdmissionNotOwned, match="nobody, since it was revoked"):
        seal()
    assert (keys_kept(), row()["outcome"]["S"]) == ([], "refused")


@pytest.mark.parametrize("unlike", [{"outcome": "refused"}, {"reason": "another"}, {"event": {}}])
def test_a_record_that_tells_something_else_is_never_passed_off_as_this_one(unlike: dict[str, Any]) -> None:
    claim()
    seal()
    with pytest.raises(EvidenceConflict, match="states something else"):
        seal(records.seal_input(**unlike))


@pytest.mark.parametrize(
    "foreign", [b"{}", records.sealed(records.admission(), label="mallory")], ids=["rubbish", "forged"]
)
def test_something_else_under_the_key_is_never_taken_for_the_record(foreign: bytes) -> None:
    claim()
    boto3.client("s3").put_object(Bucket="gatehouse-evidence", Key=f"records/{PUMP}/one.json", Body=foreign)
    with pytest.raises(EvidenceConflict, match="does not verify"):
        seal()
    assert row()["outcome"]["S"] == "open"


@pytest.mark.parametrize(
    "event", [{"n": 2**64, "f": 0.1, "t": "\ud800"}, [], None, "text"], ids=["numbers", "list", "null", "text"]
)
def test_an_odd_event_does_not_stop_the_sealing(event: object, environment: dict[str, str]) -> None:
    """Whatever came in, its end is kept."""
    claim()
    handler(msgspec.to_builtins(records.seal_input()) | {"event": event}, aws_environment.context())
    assert opened(f"records/{PUMP}/one.json", environment).event == json.loads(canonical(event))


def test_no_secret_is_in_a_record() -> None:
    """No field of what a record is made of can hold a task token or a key."""
    names = set(json.dumps(msgspec.json.schema(AdmissionRecord)).lower().replace('"', " ").split())
    assert not names & {"task_token", "token", "secret", "password", "private_key", "signing_key"}
