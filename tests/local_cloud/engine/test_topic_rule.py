"""A knock with an unknown certificate goes through the topic rule into a queue, and from there to a function, as on AWS."""

import json
from pathlib import Path
from typing import Any

import pytest

from gatehouse.local_cloud.cloud import LocalCloud
from gatehouse.mqtt import Connection
from tests.local_cloud.devices import DeviceFiles, device, issue, register_ca
from tests.local_cloud.waiting import eventually
from tests.pki import Authority

pytestmark = pytest.mark.local_cloud


@pytest.fixture(scope="module")
def authority(engine: LocalCloud) -> tuple[Authority, str]:
    return register_ca(engine, "Rule CA")


def taken(engine: LocalCloud, outputs: dict[str, str], key: str) -> dict[str, Any] | None:
    """The message that the queue's function was given for this certificate or id."""
    found = engine.client("dynamodb").get_item(
        TableName=outputs["TableName"], Key={"id": {"S": f"knock-{key}"}}, ConsistentRead=True
    )
    if "Item" not in found:
        return None
    message: dict[str, Any] = json.loads(found["Item"]["event"]["S"])
    return message


def knock(engine: LocalCloud, files: DeviceFiles) -> None:
    with device(engine, files, "rule-device") as mqtt:
        assert mqtt.connect() is Connection.CLOSED


def test_the_action_queues_the_event_and_the_queue_hands_it_to_the_function(
    engine: LocalCloud, sample_stack: dict[str, str], authority: tuple[Authority, str], tmp_path: Path
) -> None:
    ca, ca_id = authority
    files = issue(ca, "rule-1", tmp_path)
    knock(engine, files)
    event = eventually(lambda: taken(engine, sample_stack, files.certificate_id))
    assert event["certificateId"] == files.certificate_id
    assert event["ca"] == ca_id  # topic(5)
    assert event["certificateStatus"] == "PENDING_ACTIVATION"


def test_an_event_that_cannot_be_queued_reaches_the_error_action(
    engine: LocalCloud, sample_stack: dict[str, str], authority: tuple[Authority, str], tmp_path: Path
) -> None:
    iam = engine.client("iam")
    role = sample_stack["RuleRoleArn"].rsplit("/", 1)[1]
    policy = json.dumps(iam.get_role_policy(RoleName=role, PolicyName="start")["PolicyDocument"])
    queue = engine.client("sqs")
    queue.purge_queue(QueueUrl=sample_stack["ErrorQueueUrl"])
    files = issue(authority[0], "rule-3", tmp_path)
    try:
        iam.put_role_policy(
            RoleName=role,
            PolicyName="start",
            PolicyDocument=policy.replace(sample_stack["KnocksArn"], "arn:aws:sqs:us-east-1:000000000000:another"),
        )
        knock(engine, files)
        messages = eventually(
            lambda: queue.receive_message(QueueUrl=sample_stack["ErrorQueueUrl"], WaitTimeSeconds=1).get("Messages")
        )
    finally:
        iam.put_role_policy(RoleName=role, PolicyName="start", PolicyDocument=policy)
    told = json.loads(messages[0]["Body"])
    assert told["ruleName"] == sample_stack["RuleName"]
    assert told["failures"][0]["failedAction"] == "SqsAction"
    assert "sqs:SendMessage" in told["failures"][0]["errorMessage"]
    assert taken(engine, sample_stack, files.certificate_id) is None


@pytest.mark.parametrize(
    ("failures", "said"),
    [
        ([], "OK - 1 records"),
        ([{"itemIdentifier": "mine"}], "OK - 0 records, 1 partial failures"),
        ([{"itemIdentifier": "somebody else's"}], "FAILED"),
    ],
)
def test_a_message_stays_if_its_batch_failed_or_says_what_makes_no_sense(
    engine: LocalCloud, sample_stack: dict[str, str], failures: list[Any], said: str
) -> None:
    queue, name = engine.client("sqs"), f"batch-{failures}"
    queue.purge_queue(QueueUrl=sample_stack["KnocksUrl"])
    queue.send_message(QueueUrl=sample_stack["KnocksUrl"], MessageBody=json.dumps({"id": name, "failures": failures}))
    eventually(lambda: taken(engine, sample_stack, name))

    def ended() -> str | None:
        """What the engine says of the batch, once it does."""
        [source] = engine.client("lambda").list_event_source_mappings(EventSourceArn=sample_stack["KnocksArn"])[
            "EventSourceMappings"
        ]
        return str(source["LastProcessingResult"])

    def waiting() -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = queue.get_queue_attributes(QueueUrl=sample_stack["KnocksUrl"], AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    eventually(lambda: ended() == said)
    assert waiting() == len(failures)


@pytest.fixture(scope="module")
def sql(engine: LocalCloud, sample_stack: dict[str, str]) -> "SqlBench":
    return SqlBench(engine, sample_stack)


class SqlBench:
    """Evaluates a rule's SELECT list on a message: a rule writes what it selects into the sample table."""

    def __init__(self, engine: LocalCloud, outputs: dict[str, str]) -> None:
        self.engine = engine
        self.outputs = outputs
        self.count = 0

    def select(self, expression: str, message: dict[str, object]) -> dict[str, dict[str, object]]:
        self.count += 1
        name = f"sql_{self.count}"
        iot = self.engine.client("iot")
        iot.create_topic_rule(
            ruleName=name,
            topicRulePayload={
                "sql": f"SELECT {expression}, '{name}' AS id FROM 'sql/{name}'",  # noqa: S608 - no database
                "awsIotSqlVersion": "2016-03-23",
                "actions": [
                    {
                        "dynamoDBv2": {
                            "roleArn": self.outputs["RuleRoleArn"],
                            "putItem": {"tableName": self.outputs["TableName"]},
                        }
                    }
                ],
            },
        )
        self.engine.client("iot-data").publish(topic=f"sql/{name}", payload=json.dumps(message))
        table = self.engine.client("dynamodb")
        item: dict[str, dict[str, object]] = eventually(
            lambda: table.get_item(TableName=self.outputs["TableName"], Key={"id": {"S": name}}).get("Item")
        )
        del item["id"]
        return item


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("substring(text, 2)", "cdef"),
        ("substring(text, 1, 3)", "bc"),
        ("substring(text, -4, 2)", "ab"),
        ("substring(text, 4, 99)", "ef"),
        ("substring(text, 3, 1)", ""),
    ],
)
def test_substring_counts_from_zero_and_clamps(sql: SqlBench, call: str, expected: str) -> None:
    assert sql.select(f"{call} AS got", {"text": "abcdef"}) == {"got": {"S": expected}}


@pytest.mark.parametrize("call", ["substring(missing, 1)", "substring(text)", "substring(text, 'x')"])
def test_substring_of_the_wrong_things_is_undefined(sql: SqlBench, call: str) -> None:
    assert sql.select(f"{call} AS got, isUndefined({call}) AS gone", {"text": "abcdef"}) == {"gone": {"BOOL": True}}


def test_get_dynamodb_gives_an_attribute_an_item_or_undefined(sql: SqlBench) -> None:
    outputs = sql.outputs
    item = {"id": {"S": "stored"}, "n": {"N": "7"}, "inner": {"M": {"word": {"S": "deep"}}}}
    sql.engine.client("dynamodb").put_item(TableName=outputs["TableName"], Item=item)

    def get(key: str) -> str:
        return f'get_dynamodb("{outputs["TableName"]}", "id", {key}, "{outputs["RuleRoleArn"]}")'

    got = sql.select(
        f"{get('who')}.n AS number, {get('who')}.inner.word AS word, {get('who')}.nothing AS nothing, "
        f"isUndefined({get('nobody')}.n) AS gone",
        {"who": "stored", "nobody": "no such key"},
    )
    assert got == {"number": {"N": "7"}, "word": {"S": "deep"}, "gone": {"BOOL": True}}


def test_get_dynamodb_without_permission_is_undefined(sql: SqlBench) -> None:
    other = sql.engine.client("iam").create_role(
        RoleName="no-rights",
        AssumeRolePolicyDocument=json.dumps(
            {
                "Statement": [
                    {"Effect": "Allow", "Principal": {"Service": "iot.amazonaws.com"}, "Action": "sts:AssumeRole"}
                ]
            }
        ),
    )["Role"]["Arn"]
    table = sql.outputs["TableName"]
    got = sql.select(f"isUndefined(get_dynamodb('{table}', 'id', 'sql_1', '{other}').got) AS gone", {})
    assert got == {"gone": {"BOOL": True}}
