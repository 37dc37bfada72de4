"""`gatehouse doctor` and its queues: what is found wrong, and what is delivered once more."""

import base64
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, ClassVar

import msgspec
import pytest

from functions.notification.tell.received import Letter
from gatehouse.doctor import checkup, lost_events
from gatehouse.doctor.check import Check
from gatehouse.stack.target import Target
from tests import pki
from tests.aws_environment import ACCOUNT, REGION
from tests.unit.gatehouse.commands import answer, entries, lose_the_trail, run
from workflows.dynamodb_items import to_item

CERTIFICATE = "aa" * 32
WHY = ("--reason", "The quota was raised")
SOURCE = "5c5f9ad3-0000-4000-8000-000000000000"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:gatehouse-RecordFailure"
EVENT = {
    "certificateId": CERTIFICATE,
    "caCertificateId": "bb" * 32,
    "timestamp": 1764000000000,
    "certificateStatus": "PENDING_ACTIVATION",
    "awsAccountId": ACCOUNT,
    "certificateRegistrationTimestamp": "1764000000000",
}


class Aws:
    """What moto would need a deployed stack for: it notes what was invoked."""

    def __init__(self) -> None:
        self.invoked: list[tuple[str, Any]] = []
        self.function_error = False

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - as boto3 has them
        self.invoked.append((FunctionName, json.loads(Payload)))
        return {"FunctionError": "Unhandled", "Payload": io.BytesIO(b"AccessRefused")} if self.function_error else {}


@pytest.fixture
def aws(target: Target, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """The stack with its four queues."""
    queues = {
        "knocks": "RegistrationQueueUrl",
        "tell": "TellQueueUrl",
        "rule": "RuleErrorQueueUrl",
        "dead": "DeadLettersUrl",
    }
    for name, output in queues.items():
        target.__dict__["outputs"][output] = target.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    found = Aws()

    def resources(_: Target) -> Iterator[tuple[str, str]]:
        yield "AWS::Lambda::Function", "gatehouse-RecordFailure"
        yield "AWS::IoT::TopicRule", "knocks"
        yield "AWS::Lambda::EventSourceMapping", SOURCE

    monkeypatch.setattr(lost_events, "resources", resources)
    target.client("lambda").invoke = found.invoke
    return found


def send(target: Target, queue: lost_events.Queue, body: object, **attributes: str) -> None:
    target.client("sqs").send_message(
        QueueUrl=target.output("RuleErrorQueueUrl" if queue == "rule" else "DeadLettersUrl"),
        MessageBody=body if isinstance(body, str) else json.dumps(body),
        MessageAttributes={name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    )


def failed_start(event: object = EVENT) -> dict[str, Any]:
    """As AWS IoT hands it to a rule's error action."""
    return {
        "ruleName": "knocks",
        "topic": "$aws/events/certificates/registered/x",
        "base64OriginalPayload": base64.b64encode(json.dumps(event).encode()).decode(),
        "failures": [
            {"failedAction": "StepFunctionsAction", "failedResource": "m", "errorMessage": "\x1b[31mthrottled"}
        ],
    }


def test_lost_knock_is_listed_and_stays(target: Target, aws: Aws) -> None:
    send(target, "rule", failed_start())
    for _ in range(2):
        (found,) = answer("doctor", "events", "rule")
        assert found["what"] == f"certificate {CERTIFICATE}"
    assert "\\x1b[31mthrottled" in run("doctor", "events", "rule").stdout
    assert lost_events.depth(target, "rule") == 1


def queued(target: Target, output: str = "RegistrationQueueUrl") -> list[Any]:
    """The events in the registration queue, or in another."""
    found = target.client("sqs").receive_message(QueueUrl=target.output(output), MaxNumberOfMessages=10)
    return [json.loads(message["Body"]) for message in found.get("Messages", [])]


@pytest.mark.parametrize(("queue", "body"), [("rule", failed_start()), ("dead-letters", EVENT)])
def test_redriven_knock_goes_back_to_the_registration_queue_and_is_gone(
    target: Target, aws: Aws, queue: lost_events.Queue, body: Any
) -> None:
    send(target, queue, body)
    assert answer("doctor", "events", queue)[0]["what"] == f"certificate {CERTIFICATE}"
    assert answer("doctor", "redrive", queue, *WHY, "--yes")["redriven"] == 1
    assert queued(target) == [EVENT]
    assert aws.invoked == []
    assert lost_events.depth(target, queue) == 0
    begun, succeeded = entries(target, "redrive_event")
    assert (begun.reason, succeeded.result) == ("The quota was raised", "succeeded")


TOLD = {"version": "0", "source": "gatehouse", "detail-type": "Approval reminder", "detail": {"approval_id": "1" * 32}}
LETTER = json.loads(msgspec.json.encode(Letter(event="Approval reminder", approval_id="1" * 32, to="ada@example.com")))


@pytest.mark.parametrize(
    ("body", "attributes", "what"),
    [
        (TOLD, {}, "a message to people: Approval reminder"),
        (
            TOLD,
            {"TARGET_ARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:gatehouse-TellQueue", "ERROR_MESSAGE": "no permission"},
            "a message to people: Approval reminder",
        ),
        (LETTER, {}, f"a mail to one person: Approval reminder, request {'1' * 32}"),
    ],
)
def test_what_people_could_not_be_told_goes_back_to_its_queue(
    target: Target, aws: Aws, body: Any, attributes: dict[str, str], what: str
) -> None:
    """As the queue gave it up, or as EventBridge could not hand it over; whose address it is for is not shown."""
    send(target, "dead-letters", body, **attributes)
    [found] = answer("doctor", "events", "dead-letters")
    assert found["what"] == what
    assert attributes.get("ERROR_MESSAGE", "the log of tell says why") in found["error"]
    assert "ada@" not in run("doctor", "events", "dead-letters").stdout
    assert answer("doctor", "redrive", "dead-letters", *WHY, "--yes")["redriven"] == 1
    assert queued(target, "TellQueueUrl") == [body]
    assert lost_events.depth(target, "dead-letters") == 0


def test_dry_run_a_no_and_a_lost_trail_deliver_nothing(target: Target, aws: Aws) -> None:
    send(target, "rule", failed_start())
    assert answer("doctor", "redrive", "rule", *WHY, "--dry-run")["left"] == 1
    run("doctor", "redrive", "rule", *WHY, code=1, stdin="n\n")
    run("doctor", "redrive", "rule", "--reason", " ", "--yes", code=2)
    lose_the_trail(target)
    run("doctor", "redrive", "rule", *WHY, "--yes", code=3)
    assert queued(target) == []
    assert len(lost_events.look(target, "rule", limit=5)) == 1


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "[" * 100_000,
        {"base64OriginalPayload": "*"},
        {"base64OriginalPayload": base64.b64encode(b"[" * 60_000).decode()},
        failed_start({"certificateId": "../x"}),
        failed_start(EVENT | {"x": "y" * 9_000}),
    ],
    ids=range(8),
)
def test_message_that_nobody_can_read_is_shown_and_left(target: Target, aws: Aws, body: object) -> None:
    send(target, "rule", body or " ")
    (found,) = answer("doctor", "events", "rule")
    assert "not in a form that Gatehouse knows" in found["problem"]
    assert answer("doctor", "redrive", "rule", *WHY, "--yes")["left"] == 1
    assert queued(target) == []


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "[" * 100_000, {"certificateStatus": "ACTIVE"}, EVENT | {"certificateId": "../x"}]
)
def test_what_was_queued_and_is_no_registration_event_is_shown_and_left(target: Target, aws: Aws, body: object) -> None:
    send(target, "dead-letters", body or " ")
    (found,) = answer("doctor", "events", "dead-letters")
    assert "not in a form that Gatehouse knows" in found["problem"]
    assert answer("doctor", "redrive", "dead-letters", *WHY, "--yes")["left"] == 1
    assert queued(target) == []


def test_dead_letters_of_eventbridge_and_of_lambda_go_to_their_function(target: Target, aws: Aws) -> None:
    ended = {"detail-type": "Step Functions Execution Status Change", "detail": {}}
    send(target, "dead-letters", ended, TARGET_ARN=FUNCTION, ERROR_MESSAGE="timed out")
    context = {"functionArn": f"{FUNCTION}:live", "condition": "RetriesExhausted"}
    send(target, "dead-letters", {"requestContext": context, "requestPayload": {"detail-type": "Object Created"}})
    assert answer("doctor", "redrive", "dead-letters", *WHY, "--yes")["redriven"] == 2
    assert sorted(aws.invoked, key=lambda call: call[0]) == [
        (FUNCTION, ended),
        (f"{FUNCTION}:live", {"detail-type": "Object Created"}),
    ]
    assert lost_events.depth(target, "dead-letters") == 0


def test_event_that_fails_again_stays(target: Target, aws: Aws) -> None:
    send(target, "dead-letters", {"detail-type": "x"}, TARGET_ARN=FUNCTION)
    aws.function_error = True
    assert answer("doctor", "redrive", "dead-letters", *WHY, "--yes", code=1)["left"] == 1
    assert entries(target, "redrive_event")[-1].result == "failed"
    assert len(lost_events.look(target, "dead-letters", limit=5)) == 1


def test_function_of_another_stack_is_not_invoked(target: Target, aws: Aws) -> None:
    send(target, "dead-letters", {"detail-type": "x"}, TARGET_ARN=FUNCTION.replace("gatehouse", "payroll"))
    (found,) = answer("doctor", "events", "dead-letters")
    assert "not a function of the stack" in found["problem"]
    answer("doctor", "redrive", "dead-letters", *WHY, "--yes")
    assert aws.invoked == []


def test_stream_record_says_that_nothing_has_to_be_redriven(target: Target, aws: Aws) -> None:
    body = {"requestContext": {"functionArn": FUNCTION, "condition": "x"}, "DDBStreamBatchInfo": {"batchSize": 3}}
    send(target, "dead-letters", body)
    assert "looked for every minute" in answer("doctor", "events", "dead-letters")[0]["problem"]


def register(target: Target, *certificate_ids: str) -> None:
    """The CAs that AWS IoT lists, with automatic registration on; moto knows neither."""
    iot = target.client("iot")
    listed = [{"certificateId": found} for found in certificate_ids]
    describe = iot.describe_ca_certificate

    def with_registration(**request: Any) -> dict[str, Any]:
        found = describe(**request)["certificateDescription"]
        return {"certificateDescription": found | {"autoRegistrationStatus": "ENABLE"}}

    iot.list_ca_certificates = lambda **_: {"certificates": listed}
    iot.describe_ca_certificate = with_registration


class ServiceQuotas:
    """What moto lacks: quotas by service, of which those that were raised are listed apart."""

    raised: ClassVar[dict[str, float]] = {}
    _services: ClassVar[dict[str, str]] = {"iotcore": "AWS IoT Core", "states": "AWS Step Functions"}
    _defaults: ClassVar[dict[str, dict[str, float]]] = {
        "iotcore": {"DescribeCertificate API TPS": 10.0, "UpdateCertificate API TPS": 10.0},
        "states": {"StateTransition throttle token refill rate per second": 5000.0},
    }

    def get_paginator(self, call: str) -> Any:
        def paginate(ServiceCode: str = "") -> list[dict[str, Any]]:  # noqa: N803 - as boto3 has them
            if call == "list_services":
                named = [{"ServiceCode": code, "ServiceName": name} for code, name in self._services.items()]
                return [{"Services": named[:1]}, {"Services": named[1:]}]
            found = self._defaults[ServiceCode]
            if call == "list_service_quotas":
                found = {name: value for name, value in self.raised.items() if name in found}
            return [{"Quotas": [{"QuotaName": name, "Value": value} for name, value in found.items()]}]

        return SimpleNamespace(paginate=paginate)


source: dict[str, str] = {
    "UUID": SOURCE,
    "EventSourceArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:knocks",
    "FunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:gatehouse-StartAdmissions:live",
    "State": "Enabled",
}


def account_of(concurrency: int) -> dict[str, Any]:
    """As AWS answers: https://docs.aws.amazon.com/lambda/latest/api/API_GetAccountSettings.html."""
    return {"AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": concurrency}}


@pytest.fixture
def whole(target: Target, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Target:
    """A stack in which everything is in order, but for a CA: there is none."""
    assert aws
    target.__dict__["outputs"] |= {name: "x" for name in checkup.OUTPUTS if name not in target.outputs}
    machine = target.client("stepfunctions").create_state_machine(
        name="Admission", definition="{}", roleArn=f"arn:aws:iam::{ACCOUNT}:role/machine"
    )
    target.__dict__["outputs"]["StateMachineArn"] = machine["stateMachineArn"]
    action = {"sqs": {"queueUrl": target.output("RegistrationQueueUrl"), "roleArn": "arn:aws:iam::1:role/x"}}
    target.client("iot").create_topic_rule(
        ruleName="knocks", topicRulePayload={"sql": "SELECT *", "actions": [action], "ruleDisabled": False}
    )
    register(target)
    target._clients["service-quotas"] = ServiceQuotas()
    target._clients["lambda"] = SimpleNamespace(
        get_account_settings=lambda: account_of(1000), get_event_source_mapping=lambda **_: dict(source)
    )
    monkeypatch.setattr(checkup, "_endpoint", lambda _: Check(name="device endpoint", state="ok", result="here"))
    return target


def states(code: int) -> dict[str, str]:
    return {check["name"]: check["state"] for check in answer("doctor", code=code)}


def test_whole_stack_is_in_order(whole: Target) -> None:
    assert states(0) == {
        "AWS answers": "ok",
        "stack": "ok",
        "state machine": "ok",
        "topic rule": "ok",
        "rule's metrics": "ok",
        "newest certificates": "ok",
        "registration queue": "ok",
        "device endpoint": "ok",
        "pace": "ok",
        "concurrency": "ok",
        "executions": "ok",
        "expiry": "ok",
        "artifact": "ok",
        "findings": "ok",
        "names": "ok",
        "CAs": "warning",
        "trials": "ok",
        "queue rule": "ok",
        "queue dead-letters": "ok",
    }


def test_a_new_account_s_limit_of_ten_functions_at_once_is_found(whole: Target) -> None:
    whole.client("lambda").get_account_settings = lambda: account_of(10)
    (check,) = [check for check in answer("doctor", code=0) if check["name"] == "concurrency"]
    assert check["state"] == "warning"
    assert "10 functions may run at once" in check["result"]
    assert "calls_per_second in config/limits.toml to 2 " in check["advice"]


def test_certificates_that_expire_soon_are_found(whole: Target) -> None:
    now = datetime.now(UTC)
    for number, (days, outcome) in enumerate([(20, "admitted"), (9, "admitted"), (40, "admitted"), (10, "refused")]):
        row = {
            "certificate_id": f"{number:064x}",
            "outcome": outcome,
            "device": f"pump-{number}",
            "not_after": now + days * pki.DAY,
            "expires_in": f"{now + days * pki.DAY:%Y-%m}",
        }
        whole.client("dynamodb").put_item(TableName=whole.output("AdmissionsTable"), Item=to_item(row))
    (check,) = [check for check in answer("doctor", code=0) if check["name"] == "expiry"]
    assert check["state"] == "warning"
    assert (
        f"2 admitted certificates expire within 30 days, the first on {now + 9 * pki.DAY:%Y-%m-%d}" in check["result"]
    )
    assert check["advice"].endswith("pump-1")


def test_an_open_admission_whose_execution_has_ended_is_found_before_any_event_comes(whole: Target) -> None:
    gone = "ab" * 32
    whole.client("dynamodb").put_item(
        TableName=whole.output("AdmissionsTable"),
        Item=to_item(
            {
                "certificate_id": gone,
                "outcome": "open",
                "device": "pump-1",
                "claimed_at": datetime.now(UTC),
                "execution_arn": f"arn:aws:states:eu-west-1:{ACCOUNT}:execution:Admission:gone",
            }
        ),
    )
    (check,) = [check for check in answer("doctor", code=1) if check["name"] == "executions"]
    assert check["state"] == "wrong"
    assert "pump-1 (not there any more)" in check["result"]
    assert f"gatehouse admissions reopen {gone}" in check["advice"]


def test_disabled_rule_is_found(whole: Target) -> None:
    whole.client("iot").disable_topic_rule(ruleName="knocks")
    assert states(1)["topic rule"] == "wrong"


@pytest.mark.parametrize(
    "unlike", [{"State": "Disabled"}, {"EventSourceArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:another"}]
)
def test_queue_that_nobody_takes_from_is_found(
    whole: Target, monkeypatch: pytest.MonkeyPatch, unlike: dict[str, str]
) -> None:
    assert whole
    for name, value in unlike.items():
        monkeypatch.setitem(source, name, value)
    assert states(1)["registration queue"] == "wrong"


def test_rule_that_aws_iot_ends_without_an_action_is_found(whole: Target) -> None:
    rule = whole.client("iot").get_topic_rule(ruleName="knocks")["rule"]
    read = 'get_dynamodb("t", "k", certificateId, "r").reopen_at'
    for number, state in ((1, "ok"), (2, "wrong")):
        payload = {"sql": "SELECT * FROM 'a' WHERE " + " OR ".join([read] * number), "actions": rule["actions"]}  # noqa: S608 - a rule
        whole.client("iot").replace_topic_rule(ruleName="knocks", topicRulePayload=payload)
        assert states(1 if number == 2 else 0)["topic rule"] == state


def test_a_rule_that_was_deleted_is_found(whole: Target) -> None:
    whole.client("iot").delete_topic_rule(ruleName="knocks")
    assert states(1)["topic rule"] == "wrong"


def test_rule_that_fills_another_queue_is_found(whole: Target) -> None:
    whole.__dict__["outputs"]["RegistrationQueueUrl"] += "-2"
    assert states(1)["topic rule"] == "wrong"


def test_ca_without_a_list_is_found_and_the_next_command_named(whole: Target) -> None:
    now = datetime.now(UTC)
    found = pki.authority(not_before=now - pki.DAY, not_after=now + pki.YEAR)
    ca = whole.client("iot").register_ca_certificate(
        caCertificate=found.pem, certificateMode="SNI_ONLY", setAsActive=True, allowAutoRegistration=True
    )["certificateId"]
    whole.client("s3").put_object(Bucket=whole.output("CrlBucket"), Key=f"issuers/{ca}.pem", Body=found.pem.encode())
    register(whole, ca)
    (check,) = [check for check in answer("doctor", code=1) if check["name"] == f"CA {ca[:16]}"]
    assert check["state"] == "wrong"
    assert check["advice"].endswith(f"gatehouse crl publish LIST --ca {ca}")


def test_full_queue_is_found_and_the_next_command_named(whole: Target) -> None:
    send(whole, "rule", failed_start())
    assert states(1)["queue rule"] == "wrong"
    assert "gatehouse doctor events rule" in run("doctor", code=1).stdout


def test_missing_output_is_found(whole: Target) -> None:
    del whole.__dict__["outputs"]["CrlBucket"]
    assert states(1)["stack"] == "wrong"


def test_part_that_does_not_answer_does_not_hide_the_others(whole: Target) -> None:
    whole.__dict__["outputs"]["RuleErrorQueueUrl"] = "https://sqs.eu-west-1.amazonaws.com/1/none"
    found = states(1)
    assert (found["queue rule"], found["queue dead-letters"]) == ("wrong", "ok")


def test_pace_below_a_raised_quota_and_above_a_small_one_are_told(
    whole: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert whole
    monkeypatch.setattr(
        ServiceQuotas, "raised", {"DescribeCertificate API TPS": 50.0, "UpdateCertificate API TPS": 50.0}
    )
    assert states(0)["pace"] == "warning"
    monkeypatch.setattr(ServiceQuotas, "raised", {"UpdateCertificate API TPS": 5.0})
    assert states(1)["pace"] == "wrong"
