"""Requests that break AWS's own model of them are refused, whatever service they go to."""

import pytest

from gatehouse.local_cloud.additions import request_shapes
from gatehouse.local_cloud.cloud import LocalCloud
from tests.local_cloud.engine.refusals import refused, unchecked

pytestmark = pytest.mark.local_cloud

PATTERN = "Member must satisfy regular expression pattern"
LONGER = "Member must have length less than or equal to"


@pytest.mark.parametrize(
    ("service", "call", "given", "code", "said"),
    [
        ("iot", "create_thing", {"thingName": "a pump"}, "InvalidRequestException", PATTERN),
        ("iot", "create_thing", {"thingName": "x" * 129}, "InvalidRequestException", f"{LONGER} 128"),
        ("iot", "create_thing_type", {"thingTypeName": "pump.mark2"}, "InvalidRequestException", PATTERN),
        ("iot", "create_thing_group", {"thingGroupName": "all pumps"}, "InvalidRequestException", PATTERN),
        ("iot", "create_policy", {"policyName": "a/b", "policyDocument": "{}"}, "InvalidRequestException", PATTERN),
        (
            "iot",
            "create_thing",
            {"thingName": "a", "attributePayload": {"attributes": {"serial no": "1"}}},
            "InvalidRequestException",
            "'attributePayload.attributes.key'",
        ),
        (
            "iot",
            "create_thing",
            {"thingName": "a", "attributePayload": {"attributes": {"place": "ward 7"}}},
            "InvalidRequestException",
            "'attributePayload.attributes.place.member'",
        ),
        (
            "iot",
            "create_thing",
            {"thingName": "a", "attributePayload": {"attributes": {"place": "x" * 801}}},
            "InvalidRequestException",
            f"{LONGER} 800",
        ),
        ("iot", "describe_certificate", {"certificateId": "ab"}, "InvalidRequestException", "greater than or equal to 64"),
        ("iot", "list_things", {"maxResults": 251}, "InvalidRequestException", "value less than or equal to 250"),
        (
            "iot",
            "update_certificate",
            {"certificateId": "0" * 64, "newStatus": "GONE"},
            "InvalidRequestException",
            "Member must satisfy enum value set",
        ),
        ("iot", "update_certificate", {"certificateId": "0" * 64}, "InvalidRequestException", "Member must not be null"),
        (
            "iot",
            "create_topic_rule",
            {"ruleName": "r", "topicRulePayload": {"sql": "SELECT * FROM 'a'"}},
            "InvalidRequestException",
            "'topicRulePayload.actions' failed to satisfy constraint: Member must not be null",
        ),
        ("stepfunctions", "send_task_success", {"taskToken": "x" * 2049, "output": "{}"}, "ValidationException", f"{LONGER} 2048"),
        ("stepfunctions", "send_task_failure", {"taskToken": "x", "error": "x" * 257}, "ValidationException", f"{LONGER} 256"),
        ("stepfunctions", "send_task_failure", {"taskToken": "x", "cause": "x" * 32769}, "ValidationException", f"{LONGER} 32768"),
        ("stepfunctions", "send_task_success", {"taskToken": "x", "output": "1" * 262145}, "ValidationException", f"{LONGER} 262144"),
        ("dynamodb", "get_item", {"TableName": "a b", "Key": {}}, "ValidationException", ""),
        ("dynamodb", "query", {"TableName": "tab", "Limit": 0}, "ValidationException", "value greater than or equal to 1"),
        ("kms", "sign", {"KeyId": "k", "Message": b"x" * 4097, "SigningAlgorithm": "ECDSA_SHA_256"}, "ValidationException", "4096"),
        ("kms", "sign", {"KeyId": "k", "Message": b"x", "SigningAlgorithm": "MD5"}, "ValidationException", "enum value set"),
        ("kms", "encrypt", {"KeyId": "k", "Plaintext": b""}, "ValidationException", "length greater than or equal to 1"),
        ("events", "put_events", {"Entries": []}, "ValidationException", "length greater than or equal to 1"),
        ("cognito-idp", "admin_get_user", {"UserPoolId": "pool 1", "Username": "x"}, "InvalidParameterException", PATTERN),
        ("sqs", "send_message", {"QueueUrl": "u", "MessageBody": 7}, "InvalidParameterValue", "must be of type string"),
    ],
)  # fmt: skip
def test_what_breaks_the_service_model_is_refused(
    engine: LocalCloud, *, service: str, call: str, given: dict[str, object], code: str, said: str
) -> None:
    found, message = refused(getattr(unchecked(engine, service), call), **given)
    assert found == code
    assert said in message


def test_all_that_is_wrong_is_told_and_secrets_are_not(engine: LocalCloud) -> None:
    iot, states = unchecked(engine, "iot"), unchecked(engine, "stepfunctions")
    _, message = refused(iot.create_thing, thingName="a b", thingTypeName="c d")
    assert message.startswith("2 validation errors detected: ")
    _, message = refused(states.send_task_success, taskToken="x", output="secret" * 50_000)
    assert "secret" not in message


def test_what_keeps_to_the_model_passes(engine: LocalCloud) -> None:
    iot = engine.client("iot")
    attributes = {"place": "ward-7/bed_2,[a]@b:c#d=e.f", "none": "x" * 800}
    iot.create_thing(thingName="A:z_0-9", attributePayload={"attributes": attributes})
    assert iot.describe_thing(thingName="A:z_0-9")["attributes"] == attributes


def test_every_pattern_of_the_services_that_are_held_can_be_read() -> None:
    for botocore_name, _ in request_shapes.SERVICES.values():
        model = request_shapes._model(botocore_name)
        for name in model.shape_names:
            pattern = model.shape_for(name).metadata.get("pattern")
            if pattern:
                request_shapes._compiled(pattern)
