"""template.yaml becomes a stack, is brought up to date, and says why when it cannot."""

import json
import shutil
import urllib.request
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from gatehouse.local_cloud.cloud import LocalCloud
from gatehouse.local_cloud.errors import DeploymentFailed
from tests.local_cloud.conftest import SAMPLE_TEMPLATE
from tests.local_cloud.roles import as_role
from tests.local_cloud.waiting import eventually

pytestmark = pytest.mark.local_cloud


@pytest.fixture
def checkout(tmp_path: Path, engine: LocalCloud, sample_stack: dict[str, str]) -> LocalCloud:
    """The running engine, aimed at a copy of the sample that a test may change."""
    copy = tmp_path / "checkout"
    shutil.copytree(SAMPLE_TEMPLATE.parent, copy)
    return LocalCloud(engine.settings, template=copy / "template.yaml")


def test_up_again_brings_changed_code_and_a_changed_machine_into_the_same_stack(
    checkout: LocalCloud, sample_stack: dict[str, str]
) -> None:
    code = checkout.template.parent / "functions" / "work.py"
    code.write_text(code.read_text().replace('"calls": call', '"calls": "new code"'))
    machine = checkout.template.parent / "machine.asl.json"
    machine.write_text(machine.read_text().replace("'chosen': 'default'", "'chosen': 'anew'"))
    try:
        assert checkout.up().outputs == sample_stack
        states = checkout.client("stepfunctions")
        arn = states.start_execution(stateMachineArn=sample_stack["MachineArn"])["executionArn"]
        ended = eventually(lambda: states.describe_execution(executionArn=arn).get("output"))
        assert json.loads(ended)["work"]["calls"] == "new code"
        assert json.loads(ended)["got"] == {"chosen": "anew"}
    finally:
        LocalCloud(checkout.settings, template=SAMPLE_TEMPLATE).up()


def test_up_with_nothing_changed_changes_nothing(engine: LocalCloud, sample_stack: dict[str, str]) -> None:
    assert engine.up().outputs == sample_stack


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("AWS::SQS::Queue", "AWS::SQS::Cue", "AWS::SQS::Cue"),
        ("Handler: functions.work.ask", "Handlers: functions.work.ask", "Handlers"),
        ("Resources:\n", "Recources:\n", "has no Resources"),
        ("Outputs:\n", "Outputs: [\n", "not valid YAML"),
    ],
)
def test_a_template_that_cannot_be_deployed_says_why(checkout: LocalCloud, before: str, after: str, says: str) -> None:
    text = checkout.template.read_text()
    assert before in text
    checkout.template.write_text(text.replace(before, after))
    with pytest.raises(DeploymentFailed, match=says):
        checkout.up()


def test_a_missing_template_is_named(engine: LocalCloud, tmp_path: Path) -> None:
    with pytest.raises(DeploymentFailed, match=str(tmp_path / "template.yaml")):
        LocalCloud(engine.settings, template=tmp_path / "template.yaml").up()


class Stream:
    """What goes into the sample table and what its stream's function made of it."""

    def __init__(self, engine: LocalCloud, outputs: dict[str, str]) -> None:
        self.table = engine.client("dynamodb")
        self.queue = engine.client("sqs")
        self.outputs = outputs

    def put(self, key: str, kind: str) -> None:
        self.table.put_item(TableName=self.outputs["TableName"], Item={"id": {"S": key}, "kind": {"S": kind}})

    def seen(self, key: str) -> bool:
        key_of_note = {"id": {"S": f"stream-{key}"}}
        return "Item" in self.table.get_item(TableName=self.outputs["TableName"], Key=key_of_note, ConsistentRead=True)

    def dead_letter(self) -> dict[str, object]:
        url = self.outputs["DeadLettersUrl"]
        messages = eventually(
            lambda: self.queue.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages"), within=30
        )
        self.queue.delete_message(QueueUrl=url, ReceiptHandle=messages[0]["ReceiptHandle"])
        body: dict[str, object] = json.loads(messages[0]["Body"])["DDBStreamBatchInfo"]
        return body


@pytest.fixture
def stream(engine: LocalCloud, sample_stack: dict[str, str]) -> Stream:
    return Stream(engine, sample_stack)


def test_the_streams_filter_lets_only_wanted_items_through(stream: Stream) -> None:
    stream.put("unwanted-1", "unwanted")
    stream.put("wanted-1", "wanted")
    eventually(lambda: stream.seen("wanted-1"))
    assert not stream.seen("unwanted-1")


@pytest.mark.parametrize("trouble", ["poison", "explosive"])
def test_a_record_that_fails_is_set_aside_and_its_neighbours_are_not(stream: Stream, trouble: str) -> None:
    for key in (f"before-{trouble}", trouble, f"after-{trouble}"):
        stream.put(key, "wanted")
    assert stream.dead_letter()["batchSize"] == 1
    eventually(lambda: stream.seen(f"before-{trouble}") and stream.seen(f"after-{trouble}"))


def test_a_bucket_of_the_stack_keeps_objects_locked_and_demands_conditional_writes(
    engine: LocalCloud, sample_stack: dict[str, str]
) -> None:
    role = engine.client("iam").get_role(RoleName=sample_stack["WriterRoleName"])["Role"]["Arn"]
    writer = as_role(engine, role, "s3")
    bucket = sample_stack["BucketName"]
    first = writer.put_object(Bucket=bucket, Key="record", Body=b"1", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        writer.put_object(Bucket=bucket, Key="record", Body=b"2", IfNoneMatch="*")
    with pytest.raises(ClientError, match="AccessDenied"):
        writer.put_object(Bucket=bucket, Key="another", Body=b"1")
    with pytest.raises(ClientError, match="AccessDenied"):
        engine.client("s3").delete_object(Bucket=bucket, Key="record", VersionId=first["VersionId"])


def test_the_user_pools_issuer_answers_with_its_keys(engine: LocalCloud, sample_stack: dict[str, str]) -> None:
    issuer = sample_stack["Issuer"]
    with urllib.request.urlopen(f"{issuer}/.well-known/openid-configuration") as answer:  # noqa: S310 - loopback
        configuration = json.load(answer)
    assert configuration["issuer"] == issuer
    with urllib.request.urlopen(configuration["jwks_uri"]) as answer:  # noqa: S310
        assert json.load(answer)["keys"]
