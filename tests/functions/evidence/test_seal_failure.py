"""An execution that fails where it stands leaves a record too."""

import json
from typing import Any

import boto3
import msgspec
import pytest

from functions.admission.record_failure.app import handler as record_failure
from functions.admission.seal_evidence.app import handler as seal_evidence
from functions.evidence.seal_failure.app import handler
from functions.shared import clock
from functions.shared.admissions import Admissions
from functions.shared.signing import public_key
from tests import aws_environment, faults, pki, records
from workflows.admission.contracts import Execution
from workflows.canonical import sha256
from workflows.errors import AwsUnavailable
from workflows.evidence import jws
from workflows.evidence.record import ActRecord, AdmissionRecord, Record, parse
from workflows.evidence.verify import verify

PUMP = records.certificate_id()


def failed(run: str = "one", stopped: int = 5, **detail: Any) -> dict[str, Any]:
    owner = records.execution(run)
    given = aws_environment.registration_event(PUMP, sha256(b"ca"))
    ended = {
        "executionArn": owner.arn,
        "name": owner.name,
        "status": "FAILED",
        "startDate": clock.milliseconds(owner.started_at),
        "stopDate": clock.milliseconds(pki.NOW) + stopped,
        "input": json.dumps(given),
        "error": "AwsUnavailable",
        "cause": "throttled",
    }
    return {"source": "aws.states", "detail": ended | detail}


def claim(run: str = "one") -> Execution:
    owner = records.execution(run)
    Admissions("Admissions").claim(PUMP, sha256(b"ca"), owner, clock.now())
    return owner


def seal(event: dict[str, Any]) -> Any:
    return handler(event, aws_environment.context())


def files() -> dict[str, bytes]:
    s3 = boto3.client("s3")
    found = s3.list_objects_v2(Bucket="gatehouse-evidence").get("Contents", [])
    return {one["Key"]: s3.get_object(Bucket="gatehouse-evidence", Key=one["Key"])["Body"].read() for one in found}


def kept() -> list[Record]:
    return [parse(jws.parse(data)[1]) for data in files().values()]


def test_the_failure_is_sealed_and_the_chain_goes_on_from_it(environment: dict[str, str]) -> None:
    claim()
    answer = seal(failed())
    (made,) = kept()
    assert isinstance(made, ActRecord)
    assert (made.act, made.outcome, made.reason) == ("execution_failed", "failed", "AwsUnavailable: throttled")
    row = boto3.client("dynamodb").get_item(TableName="Admissions", Key={"certificate_id": {"S": PUMP}})["Item"]
    assert row["evidence_key"]["S"] == answer["evidence_key"] == made.key
    keys = jws.Keys(public_key(environment["SIGNING_KEY_ARN"]))
    assert verify(files().items(), keys).failures == ()


def test_a_record_that_was_stored_and_not_named_stays_in_the_chain(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """*Seal evidence* dies between the two, the failure is sealed, and the execution is redriven, or the device knocks again."""
    owner, end = claim(), msgspec.to_builtins(records.seal_input(outcome="held"))
    with (
        faults.refused("dynamodb", "UpdateItem", "InternalServerError", status=500, times=9, after=1),
        pytest.raises(AwsUnavailable),
    ):
        seal_evidence(end, aws_environment.context())
    seal(failed())
    assert seal(failed()) == seal(failed())
    seal_evidence(end, aws_environment.context())
    seal_evidence(end, aws_environment.context())
    row = Admissions("Admissions").find(PUMP)
    assert row is not None
    assert (row.outcome, row.execution_arn) == ("held", owner.arn)
    aws_environment.set_clock(monkeypatch, pki.NOW + pki.DAY)
    again = claim("two")
    seal_evidence(
        msgspec.to_builtins(records.seal_input(run="two", outcome="held", execution=again)), aws_environment.context()
    )
    keys = jws.Keys(public_key(environment["SIGNING_KEY_ARN"]))
    assert verify(files().items(), keys).failures == ()
    before = [one.previous.key if one.previous else None for one in kept()]
    assert len(before) == len({*before}) == 3, "each comes after another"


def test_a_redrive_shows_in_the_chain() -> None:
    """Failed twice, redriven twice: three records, each naming the one before."""
    claim()
    seal(failed(stopped=1))
    record_failure(failed(stopped=1), aws_environment.context())
    seal(failed(stopped=2))
    seal_evidence(msgspec.to_builtins(records.seal_input()), aws_environment.context())
    made = {one.key: one for one in kept()}
    last = made[f"records/{PUMP}/one.json"]
    assert isinstance(last, AdmissionRecord)
    seen = []
    link = last.previous
    while link is not None:
        seen.append(link.key)
        link = made[link.key].previous
    assert [isinstance(made[key], ActRecord) for key in seen] == [True, True]


def test_a_second_delivery_changes_nothing() -> None:
    claim()
    first = seal(failed())
    before = files()
    assert seal(failed()) == first
    assert files() == before


def test_what_was_admitted_before_it_failed_stays_admitted() -> None:
    """Only the notification failed."""
    claim()
    seal_evidence(msgspec.to_builtins(records.seal_input()), aws_environment.context())
    seal(failed())
    made = next(one for one in kept() if isinstance(one, ActRecord))
    assert made.outcome == "admitted"
    assert made.device == "pump-0042"
    assert made.previous is not None


@pytest.mark.parametrize(
    "event",
    [
        failed("another"),
        failed(error="AdmissionNotOwned"),
        failed(error="AdmissionFailed"),
        failed(input="{}"),
        failed(input=None),
    ],
    ids=["another's", "overtaken", "rolled back", "no registration event", "no input"],
)
def test_what_has_its_own_record_or_is_no_admission_gets_none(event: dict[str, Any]) -> None:
    claim()
    assert seal(event)["status"] == "unchanged"
    assert files() == {}


def test_a_certificate_that_never_knocked() -> None:
    assert seal(failed())["status"] == "unchanged"


@pytest.mark.parametrize("how", ["row", "note"])
def test_the_failure_of_a_trial_is_marked(how: str) -> None:
    claim()
    if how == "row":
        Admissions("Admissions").mark_trial(PUMP)
    else:
        boto3.client("s3").put_object(Bucket="gatehouse-crls", Key=f"trials/{sha256(b'ca')}.json", Body=b"x")
    assert seal(failed())["status"] == "sealed"
    [made] = kept()
    assert made.trial is (how == "row"), "a note that proves nothing marks nothing"


def test_the_failure_of_a_device_of_the_fleet_is_not() -> None:
    claim()
    seal(failed())
    [made] = kept()
    assert not made.trial
