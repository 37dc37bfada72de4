"""An operator's act is sealed in the name of whoever signed for it, or it does not happen."""

import json
from datetime import timedelta
from typing import Any

import boto3
import msgspec
import pytest
from botocore.exceptions import ClientError

from functions.admission.seal_evidence.app import handler as seal_evidence
from functions.evidence.seal_act import admission
from functions.evidence.seal_act.app import handler
from functions.shared import aws, clock
from functions.shared.admissions import Admissions, operators
from functions.shared.callers import CallerNotProven
from tests import aws_environment, faults, pki, records, rights
from tests.functions.evidence.operator_acts import OWNER, PUMP, ask, binding, call, row, sealed_act, sign, whole_chain
from tests.functions.evidence.test_seal_failure import failed, files, kept
from tests.functions.evidence.test_seal_failure import seal as seal_failure
from workflows.canonical import sha256
from workflows.errors import AccessRefused, AwsUnavailable, BadInput
from workflows.evidence import acts
from workflows.evidence.acts import Proof


class StepFunctions:
    """An execution in `status`, and what became of it."""

    def __init__(self, status: str = "FAILED", refuse: str = "") -> None:
        self.status = status
        self.refuse = refuse
        self.redriven: list[tuple[str, str]] = []

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803
        rights.judge("stepfunctions", "DescribeExecution", executionArn=executionArn)
        if self.status == "gone":
            raise ClientError({"Error": {"Code": "ExecutionDoesNotExist", "Message": "x"}}, "DescribeExecution")
        return {"status": self.status, "name": executionArn.rsplit(":", maxsplit=1)[-1], "startDate": OWNER.started_at}

    def redrive_execution(self, *, executionArn: str, clientToken: str) -> dict[str, Any]:  # noqa: N803
        rights.judge("stepfunctions", "RedriveExecution", executionArn=executionArn)
        if self.refuse:
            raise ClientError({"Error": {"Code": self.refuse, "Message": "no"}}, "RedriveExecution")
        self.redriven.append((executionArn, clientToken))
        return {}


def steps(monkeypatch: pytest.MonkeyPatch, sfn: StepFunctions) -> StepFunctions:
    monkeypatch.setattr(admission, "client", lambda name: sfn if name == "stepfunctions" else aws.client(name))
    return sfn


@pytest.fixture
def sfn(monkeypatch: pytest.MonkeyPatch) -> StepFunctions:
    return steps(monkeypatch, StepFunctions())


def test_a_reopening_is_sealed_in_the_device_s_chain_with_who_why_before_and_after(held: dict[str, str]) -> None:
    before = row()
    answer = call(ask())
    made = sealed_act()
    assert (answer["status"], answer["evidence_key"], made.act) == ("done", made.key, "reopened")
    assert (made.reason, made.outcome, made.device) == ("Entered by now", "held", "pump-0042")
    assert made.previous is not None
    assert made.previous.key == before["evidence_key"]
    assert made.before == {
        "outcome": "held",
        "execution_arn": OWNER.arn,
        "reopen_at": int(before["reopen_at"]),
    }
    now = row()
    assert made.after == {"reopen_at": int(now["reopen_at"])}
    assert int(now["reopen_at"]) == clock.milliseconds(pki.NOW)
    assert now["evidence_key"] == made.key
    assert made.operator is not None
    assert made.by == made.operator.arn == boto3.client("sts").get_caller_identity()["Arn"]
    assert made.operator.ask_sha256 == acts.digest(ask())
    assert whole_chain(held)


def test_the_next_admission_comes_after_the_act(held: dict[str, str]) -> None:
    call(ask())
    again = records.execution("two")
    assert Admissions("Admissions").claim(PUMP, sha256(b"ca"), again, clock.now())[0]
    seal_evidence(msgspec.to_builtins(records.seal_input(run="two", execution=again)), aws_environment.context())
    last = next(one for one in kept() if one.key.endswith("two.json"))
    assert last.previous is not None
    assert last.previous.key == sealed_act().key
    assert whole_chain(held)


def test_a_forgetting_is_sealed_and_keeps_the_chain(held: dict[str, str]) -> None:
    assert call(ask("forget"))["status"] == "done"
    made, now = sealed_act(), row()
    assert (made.act, now["execution_arn"], now["evidence_key"]) == ("forgotten", "forgotten", made.key)
    assert {"knocks", "reason", "execution_name"} & set(now) == set()
    assert whole_chain(held)


def test_a_redrive_is_sealed_before_it_is_done(environment: dict[str, str], sfn: StepFunctions) -> None:
    Admissions("Admissions").claim(PUMP, sha256(b"ca"), OWNER, clock.now())
    seal_failure(failed())
    assert call(ask("redrive"))["status"] == "done"
    assert sfn.redriven == [(OWNER.arn, "5a" * 16)]
    made = sealed_act()
    assert (made.act, made.execution, made.outcome) == ("redriven", OWNER, "failed")
    assert (made.before["execution_status"], made.after) == ("FAILED", {"execution_status": "redriven"})
    assert made.previous is not None
    assert ".failed-" in made.previous.key
    seal_evidence(msgspec.to_builtins(records.seal_input()), aws_environment.context())
    assert whole_chain(environment)


def test_a_repeat_with_the_same_id_does_nothing_twice(held: dict[str, str]) -> None:
    first = call(ask())
    before, stands = files(), row()
    assert call(ask()) == first
    assert (files(), row()) == (before, stands)


def test_a_redrive_whose_answer_was_lost_is_asked_again_under_one_token(
    held: dict[str, str], sfn: StepFunctions
) -> None:
    call(ask("redrive"))
    sealed = files()
    call(ask("redrive"))
    assert files() == sealed
    assert {token for _, token in sfn.redriven} == {"5a" * 16}


BROKEN: dict[str, tuple[str, str, str]] = {
    "KMS is down": ("kms", "sign", "KMSInternalException"),
    "the key is disabled": ("kms", "sign", "DisabledException"),
    "the bucket is full": ("s3", "put_object", "ServiceUnavailable"),
    "Object Lock refuses": ("s3", "put_object", "AccessDenied"),
    "the table is down": ("dynamodb", "update_item", "InternalServerError"),
}


@pytest.mark.parametrize("act", ["reopen", "forget", "redrive"])
@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_sealed_is_not_done(
    name: str, act: acts.Kind, held: dict[str, str], sfn: StepFunctions, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, operation, code = BROKEN[name]

    def refuse(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": code, "Message": name}}, operation)

    before = row()
    with monkeypatch.context() as broken:
        broken.setattr(aws.client(service), operation, refuse)
        with pytest.raises(Exception, match=name):
            call(ask(act))
    assert row() == before
    assert sfn.redriven == []
    assert call(ask(act, id="6b" * 16))["status"] == "done", "made good by asking again"


def test_an_act_that_was_sealed_and_not_written_is_written_by_its_repeat(
    held: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        faults.refused("dynamodb", "UpdateItem", "InternalServerError", status=500, times=9),
        pytest.raises(AwsUnavailable),
    ):
        call(ask())
    sealed = files()
    aws_environment.set_clock(monkeypatch, pki.NOW + timedelta(minutes=1))
    answer = call(ask())
    assert (answer["status"], row()["evidence_key"], files()) == ("done", answer["evidence_key"], sealed)
    assert whole_chain(held)


def test_an_act_on_what_has_changed_meanwhile_is_refused_and_seals_nothing(held: dict[str, str]) -> None:
    before = files()
    answer = call(ask(execution_arn=OWNER.arn + "-other"))
    assert (answer["status"], "changed meanwhile" in answer["reason"]) == ("refused", True)
    assert files() == before


def test_a_knock_between_sealing_and_writing_keeps_its_admission(
    held: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record then is in no chain, which is how a reader sees that it was not carried out."""
    write = operators.write

    def knock_first(*arguments: Any) -> bool:
        boto3.client("dynamodb").update_item(
            TableName="Admissions",
            Key={"certificate_id": {"S": PUMP}},
            UpdateExpression="SET outcome = :open, execution_arn = :other",
            ExpressionAttributeValues={":open": {"S": "open"}, ":other": {"S": "another"}},
        )
        return write(*arguments)

    monkeypatch.setattr(operators, "write", knock_first)
    before = row()
    answer = call(ask())
    assert (answer["status"], row()["execution_arn"]) == ("refused", "another")
    assert row()["evidence_key"] == before["evidence_key"]
    assert whole_chain(held)


@pytest.mark.parametrize(
    ("act", "outcome"),
    [
        ("reopen", "open"),
        ("reopen", "admitted"),
        ("forget", "open"),
        ("redrive", "held"),
        ("close", "open"),
        ("close", "held"),
        ("close", "admitted"),
        ("unbind", "open"),
    ],
)
def test_what_must_not_be_done_is_refused(
    act: acts.Kind, outcome: str, bound: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps(monkeypatch, StepFunctions("RUNNING"))
    boto3.client("dynamodb").update_item(
        TableName="Admissions",
        Key={"certificate_id": {"S": PUMP}},
        UpdateExpression="SET outcome = :outcome",
        ExpressionAttributeValues={":outcome": {"S": outcome}},
    )
    before = files()
    assert call(ask(act))["status"] == "refused"
    assert (files(), binding()) == (before, PUMP)


@pytest.mark.parametrize(("kind", "done"), [("reopen", "reopened"), ("close", "closed")])
@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED", "gone"])
def test_an_admission_whose_end_nobody_told_is_closed_as_failed_and_opened_anew(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, status: str, kind: acts.Kind, done: str
) -> None:
    """EventBridge delivers Step Functions' events by best effort: the one that would have closed the row may be lost."""
    Admissions("Admissions").claim(PUMP, sha256(b"ca"), OWNER, clock.now())
    steps(monkeypatch, StepFunctions(status))
    assert call(ask(kind))["status"] == "done"
    found, act = row(), sealed_act()
    assert (found["outcome"], act.act, act.outcome) == ("failed", done, "failed")
    assert act.before is not None
    assert act.after is not None
    assert act.before["outcome"] == "open"
    assert found["reason"] == found["fault"] == act.after["reason"]
    assert (acts.GONE if status == "gone" else status) in found["reason"]
    ours, admission_again = Admissions("Admissions").claim(PUMP, sha256(b"ca"), records.execution("next"), clock.now())
    assert (ours, admission_again.outcome) == (True, "open")


def test_an_admission_whose_failure_nobody_told_is_redriven(environment: dict[str, str], sfn: StepFunctions) -> None:
    Admissions("Admissions").claim(PUMP, sha256(b"ca"), OWNER, clock.now())
    assert call(ask("redrive"))["status"] == "done"
    assert [arn for arn, _ in sfn.redriven] == [OWNER.arn]


def test_what_was_revoked_and_closed_is_not_redriven(environment: dict[str, str], sfn: StepFunctions) -> None:
    Admissions("Admissions").claim(PUMP, sha256(b"ca"), OWNER, clock.now())
    boto3.client("dynamodb").update_item(
        TableName="Admissions",
        Key={"certificate_id": {"S": PUMP}},
        UpdateExpression="SET outcome = :refused, closed_by = :list",
        ExpressionAttributeValues={":refused": {"S": "refused"}, ":list": {"S": "0" * 64}},
    )
    assert "was revoked meanwhile" in call(ask("redrive"))["reason"]
    assert (files(), sfn.redriven) == ({}, [])


def test_an_execution_that_is_gone_or_refused_is_named(held: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as gone:
        steps(gone, StepFunctions("gone"))
        assert "not there any more" in call(ask("redrive"))["reason"]
    steps(monkeypatch, StepFunctions(refuse="ExecutionLimitExceeded"))
    with pytest.raises(admission.ExecutionNotRedriven):
        call(ask("redrive"))


def test_a_certificate_without_an_admission(environment: dict[str, str]) -> None:
    assert "has no admission" in call(ask())["reason"]
    assert files() == {}


def test_a_certificate_that_aws_iot_still_has_is_not_forgotten(held: dict[str, str]) -> None:
    iot = aws_environment.client("iot")
    there = iot.register_certificate_without_ca(certificatePem=pki.pem(pki.device(pki.authority())), status="INACTIVE")
    identity = there["certificateId"]
    boto3.client("dynamodb").put_item(
        TableName="Admissions",
        Item={
            "certificate_id": {"S": identity},
            "execution_arn": {"S": OWNER.arn},
            "outcome": {"S": "refused"},
            "device": {"S": "pump-0042"},
        },
    )
    assert "still in AWS IoT, INACTIVE" in call(ask("forget", certificate_id=identity))["reason"]


FORGED: dict[str, Any] = {
    "another question": lambda: sign(acts.digest(ask(reason="Another reason"))),
    "no question": lambda: sign("", headers={}),
    "a question beside the signature": lambda: Proof(
        authorization=sign("", headers={}).authorization + ", x-gatehouse-act", date=f"{pki.NOW:%Y%m%dT%H%M%SZ}"
    ),
    "another scheme": lambda: Proof(authorization="Bearer e30.e30.", date=f"{pki.NOW:%Y%m%dT%H%M%SZ}"),
    "an old signature": lambda: msgspec.structs.replace(
        sign(acts.digest(ask())), date=f"{pki.NOW - timedelta(minutes=6):%Y%m%dT%H%M%SZ}"
    ),
    "a date that is none": lambda: msgspec.structs.replace(sign(acts.digest(ask())), date="20269999T000000Z"),
}


@pytest.mark.parametrize("name", [name for name in FORGED if name != "another question"])
def test_a_caller_who_proves_nothing_does_nothing(name: str, held: dict[str, str]) -> None:
    before, stands = files(), row()
    with pytest.raises(CallerNotProven):
        call(ask(), FORGED[name]())
    assert (files(), row()) == (before, stands)


def test_what_sts_is_sent_is_the_caller_s_signature_bound_to_this_question(
    held: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """STS itself recomputes the signature over the header: with the header of another question it does not hold."""
    from moto.core.botocore_stubber import BotocoreStubber

    sent: list[Any] = []
    answer = BotocoreStubber.__call__

    def note(stubber: Any, event_name: str, request: Any, **more: Any) -> Any:
        if event_name == "before-send.sts.GetCallerIdentity":
            sent.append(request)
        return answer(stubber, event_name, request, **more)

    monkeypatch.setattr(BotocoreStubber, "__call__", note)
    proof = FORGED["another question"]()
    call(ask(), proof)
    (request,) = sent
    text = {name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()}
    assert request.url == f"https://sts.{aws_environment.REGION}.amazonaws.com/"
    assert (text["Authorization"], text["X-Amz-Date"]) == (proof.authorization, proof.date)
    assert text["X-Gatehouse-Act"] == acts.digest(ask()), "the function's own hash, never one that was handed in"
    body = request.body.decode() if isinstance(request.body, bytes) else request.body
    assert (body, text["Content-Type"]) == (acts.BODY, acts.CONTENT_TYPE)


@pytest.mark.parametrize(
    "code", ["SignatureDoesNotMatch", "InvalidClientTokenId", "ExpiredToken", "IncompleteSignature", "AccessDenied"]
)
def test_what_sts_does_not_believe_is_not_done(
    code: str, held: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import botocore.client

    usual = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]

    def refuse(client: Any, name: str, arguments: dict[str, Any]) -> Any:
        if name == "GetCallerIdentity":
            raise ClientError({"Error": {"Code": code, "Message": "no"}}, name)
        return usual(client, name, arguments)

    before = row()
    with monkeypatch.context() as unbelieving:
        unbelieving.setattr(botocore.client.BaseClient, "_make_api_call", refuse)
        with pytest.raises(CallerNotProven):
            call(ask())
    assert row() == before


def test_an_identity_of_another_account_is_not_believed(held: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    context = aws_environment.context()
    context.invoked_function_arn = context.invoked_function_arn.replace(aws_environment.ACCOUNT, "9" * 12)
    request = msgspec.to_builtins(acts.Request(ask=ask(), proof=sign(acts.digest(ask()))))
    with pytest.raises(CallerNotProven, match="expected 999999999999"):
        handler(json.loads(json.dumps(request)), context)


def test_a_signature_for_another_stack_is_not_taken(held: dict[str, str]) -> None:
    with pytest.raises(CallerNotProven, match="another-bucket"):
        call(ask(bucket="another-bucket"))


@pytest.mark.parametrize(
    "unusual",
    [
        {"reason": ""},
        {"reason": "x" * 501},
        {"act": "admit"},
        {"id": "../x"},
        {"certificate_id": "zz"},
        {"more": 1},
        {"act": "unbind"},
        {"device": "pump-0042"},
    ],
)
def test_nonsense_is_named_and_nothing_is_done(unusual: dict[str, Any], held: dict[str, str]) -> None:
    request = msgspec.to_builtins(acts.Request(ask=ask(), proof=sign(acts.digest(ask()))))
    request["ask"] |= unusual
    before = files()
    with pytest.raises(BadInput):
        handler(request, aws_environment.context())
    assert files() == before


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "é", ""])
def test_no_header_can_bring_another(value: str, held: dict[str, str]) -> None:
    request = msgspec.to_builtins(acts.Request(ask=ask(), proof=sign(acts.digest(ask()))))
    request["proof"]["authorization"] = value
    with pytest.raises(BadInput):
        handler(request, aws_environment.context())


def test_access_that_is_refused_is_said(held: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "x"}}, "PutObject")

    monkeypatch.setattr(aws.client("s3"), "put_object", refuse)
    with pytest.raises(AccessRefused):
        call(ask())
