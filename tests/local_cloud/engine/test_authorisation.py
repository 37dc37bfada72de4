"""Policies that name resources are judged on the resources that AWS judges them on."""

from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from gatehouse.local_cloud.cloud import LocalCloud
from tests import pki
from tests.local_cloud.devices import DeviceFiles, device, issue, register_ca
from tests.local_cloud.roles import as_role, make_role
from tests.local_cloud.waiting import eventually

pytestmark = pytest.mark.local_cloud

ARN = "arn:aws:iot:us-east-1:000000000000"


@pytest.fixture(scope="module")
def authority(engine: LocalCloud) -> tuple[pki.Authority, str]:
    return register_ca(engine, "Authorisation CA")


@pytest.fixture(scope="module")
def known(
    engine: LocalCloud, authority: tuple[pki.Authority, str], tmp_path_factory: pytest.TempPathFactory
) -> DeviceFiles:
    files = issue(authority[0], "authorised", tmp_path_factory.mktemp("authorised"))
    with device(engine, files, "authorised") as mqtt:
        mqtt.connect()
    return files


def test_attach_policy_is_judged_on_its_target(engine: LocalCloud, known: DeviceFiles) -> None:
    engine.client("iot").create_policy(policyName="plain", policyDocument='{"Version": "2012-10-17", "Statement": []}')
    target = f"{ARN}:cert/{known.certificate_id}"
    may = make_role(
        engine, "may-attach", {"Action": ["iot:AttachPolicy", "iot:DetachPolicy"], "Resource": f"{ARN}:cert/*"}
    )
    as_role(engine, may, "iot").attach_policy(policyName="plain", target=target)
    as_role(engine, may, "iot").detach_policy(policyName="plain", target=target)
    other = make_role(engine, "may-attach-elsewhere", {"Action": "iot:AttachPolicy", "Resource": f"{ARN}:cert/0000"})
    with pytest.raises(ClientError, match="AccessDenied"):
        as_role(engine, other, "iot").attach_policy(policyName="plain", target=target)


def test_attach_thing_principal_is_judged_on_the_certificate(engine: LocalCloud, known: DeviceFiles) -> None:
    engine.client("iot").create_thing(thingName="narrow")
    principal = f"{ARN}:cert/{known.certificate_id}"
    actions = ["iot:AttachThingPrincipal", "iot:DetachThingPrincipal", "iot:ListThingPrincipals"]
    things = make_role(engine, "names-things", {"Action": actions, "Resource": f"{ARN}:thing/*"})
    with pytest.raises(ClientError, match="AccessDenied"):
        as_role(engine, things, "iot").attach_thing_principal(thingName="narrow", principal=principal)
    other = make_role(engine, "names-another", {"Action": actions, "Resource": f"{ARN}:cert/0000"})
    with pytest.raises(ClientError, match="AccessDenied"):
        as_role(engine, other, "iot").attach_thing_principal(thingName="narrow", principal=principal)
    certificates = make_role(engine, "names-certificates", {"Action": actions, "Resource": f"{ARN}:cert/*"})
    as_role(engine, certificates, "iot").attach_thing_principal(thingName="narrow", principal=principal)
    assert as_role(engine, things, "iot").list_thing_principals(thingName="narrow")["principals"] == [principal]
    with pytest.raises(ClientError, match="AccessDenied"):
        as_role(engine, certificates, "iot").list_thing_principals(thingName="narrow")
    as_role(engine, certificates, "iot").detach_thing_principal(thingName="narrow", principal=principal)


def test_a_role_is_held_to_the_encryption_context_that_it_names(engine: LocalCloud) -> None:
    key = engine.client("kms").create_key()["KeyMetadata"]["Arn"]
    bound = {
        "ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["approval_id"]},
        "Null": {"kms:EncryptionContextKeys": "false"},
    }
    role = make_role(engine, "opens-tokens", {"Action": "kms:Encrypt", "Resource": key, "Condition": bound})
    kms = as_role(engine, role, "kms")
    kms.encrypt(KeyId=key, Plaintext=b"token", EncryptionContext={"approval_id": "1"})
    for other in ({}, {"EncryptionContext": {"other": "1"}}, {"EncryptionContext": {"approval_id": "1", "other": "1"}}):
        with pytest.raises(ClientError, match="AccessDenied"):
            kms.encrypt(KeyId=key, Plaintext=b"token", **other)


def test_a_ca_certificate_is_a_resource(engine: LocalCloud, authority: tuple[pki.Authority, str]) -> None:
    reader = make_role(engine, "ca-reader", {"Action": "iot:DescribeCACertificate", "Resource": f"{ARN}:cacert/*"})
    described = as_role(engine, reader, "iot").describe_ca_certificate(certificateId=authority[1])
    assert described["certificateDescription"]["certificateId"] == authority[1]


def test_a_task_token_belongs_to_its_state_machine(
    engine: LocalCloud, sample_stack: dict[str, str], tmp_path: Path
) -> None:
    states, table = engine.client("stepfunctions"), engine.client("dynamodb")
    states.start_execution(stateMachineArn=sample_stack["MachineArn"], input='{"ask": true, "certificateId": "owned"}')
    item = eventually(
        lambda: table.get_item(TableName=sample_stack["TableName"], Key={"id": {"S": "owned"}}).get("Item")
    )
    answer = {"taskToken": item["token"]["S"], "output": "{}"}
    foreign = make_role(
        engine,
        "foreign-machine",
        {"Action": "states:SendTaskSuccess", "Resource": f"{sample_stack['MachineArn']}-other"},
    )
    with pytest.raises(ClientError, match="AccessDenied"):
        as_role(engine, foreign, "stepfunctions").send_task_success(**answer)
    own = make_role(engine, "own-machine", {"Action": "states:SendTaskSuccess", "Resource": sample_stack["MachineArn"]})
    as_role(engine, own, "stepfunctions").send_task_success(**answer)


def test_reading_a_source_is_not_listing_them(engine: LocalCloud) -> None:
    may = as_role(
        engine, make_role(engine, "may-get", {"Action": "lambda:GetEventSourceMapping", "Resource": "*"}), "lambda"
    )
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        may.get_event_source_mapping(UUID="00000000-0000-0000-0000-000000000000")
    with pytest.raises(ClientError, match="AccessDenied"):
        may.list_event_source_mappings()


def test_who_may_send_a_message_may_send_a_batch(engine: LocalCloud, sample_stack: dict[str, str]) -> None:
    sqs = engine.client("sqs")
    url = sqs.create_queue(QueueName="batches")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    may = as_role(engine, make_role(engine, "may-send", {"Action": "sqs:SendMessage", "Resource": arn}), "sqs")
    assert may.send_message_batch(QueueUrl=url, Entries=[{"Id": "0", "MessageBody": "x"}])["Successful"]
    with pytest.raises(ClientError, match="AccessDenied"):
        may.delete_message_batch(QueueUrl=url, Entries=[{"Id": "0", "ReceiptHandle": "x"}])
