"""A knock with an unknown certificate goes through the topic rule into a queue, and from there to a function, as on AWS."""

import json
from pathlib import Path
from typing import Any

import pytest

from gatehouse.device.mqtt import Connection
from gatehouse.local_cloud.cloud import LocalCloud
from tests.local_cloud.devices import DeviceFiles, device, issue, register_ca
from tests.local_cloud.engine.refusals import refused
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
        item = eventually(lambda: self._item(name))
        del item["id"]
        return item

    def fires(self, where: str, message: dict[str, object], select: str = "who") -> bool:
        """Whether a rule with this condition acts. Rules run in the order of their making: a second one says when the first is done."""
        self.count += 1
        asked, control = f"sql_{self.count}_asked", f"sql_{self.count}_control"
        put = {"roleArn": self.outputs["RuleRoleArn"], "putItem": {"tableName": self.outputs["TableName"]}}
        for name, clause in ((asked, f" WHERE {where}"), (control, "")):
            chosen = select if name == asked else "who"
            self.engine.client("iot").create_topic_rule(
                ruleName=name,
                topicRulePayload={
                    "sql": f"SELECT {chosen}, '{name}' AS id FROM 'sql/{self.count}'{clause}",  # noqa: S608 - no database
                    "awsIotSqlVersion": "2016-03-23",
                    "actions": [{"dynamoDBv2": put}],
                },
            )
        self.engine.client("iot-data").publish(topic=f"sql/{self.count}", payload=json.dumps(message))
        eventually(lambda: self._item(control))
        return self._item(asked) is not None

    def _item(self, name: str) -> dict[str, dict[str, object]] | None:
        table = self.engine.client("dynamodb")
        found: dict[str, dict[str, object]] | None = table.get_item(
            TableName=self.outputs["TableName"], Key={"id": {"S": name}}
        ).get("Item")
        return found


@pytest.fixture(scope="module")
def stored(sql: SqlBench) -> str:
    """The call of get_dynamodb for an item that is there; its attributes n, inner.word and, as many bytes as the key says, filler."""
    table, role = sql.outputs["TableName"], sql.outputs["RuleRoleArn"]
    for key, filler in (("stored", ""), ("large", "x" * 8192)):
        item = {"id": {"S": key}, "n": {"N": "7"}, "inner": {"M": {"word": {"S": "deep"}}}, "filler": {"S": filler}}
        sql.engine.client("dynamodb").put_item(TableName=table, Item=item)
    return f'get_dynamodb("{table}", "id", who, "{role}")'


STORED: dict[str, object] = {"who": "stored"}


@pytest.mark.parametrize(("path", "expected"), [(".n", {"N": "7"}), (".inner.word", {"S": "deep"}), (".nothing", None)])
def test_get_dynamodb_gives_an_attribute_or_undefined(
    sql: SqlBench, stored: str, path: str, expected: dict[str, str] | None
) -> None:
    assert sql.select(f"{stored}{path} AS got", STORED) == ({"got": expected} if expected else {})


@pytest.mark.parametrize(
    ("where", "fires"),
    [
        ("{get}.n = 7", True),
        ("{get}.n = 8", False),
        ("{get}.nothing = 7", False),
        ("isUndefined({get}.nothing)", True),
        ("NOT ({get}.nothing = 7)", False),
    ],
)
def test_where_reads_an_item_once(sql: SqlBench, stored: str, where: str, fires: bool) -> None:
    assert sql.fires(where.format(get=stored), STORED) is fires


@pytest.mark.parametrize(
    "expression", ["{get}.n = 7", "isUndefined({get}.n)", "isUndefined({get}.n) OR who = 'nobody'"]
)
def test_an_item_that_is_not_there_ends_the_rule(sql: SqlBench, stored: str, expression: str) -> None:
    assert not sql.fires(expression.format(get=stored), {"who": "nobody"})


def test_an_item_that_is_not_there_ends_the_rule_from_select_too(sql: SqlBench, stored: str) -> None:
    assert not sql.fires("who = 'nobody'", {"who": "nobody"}, select=f"{stored}.n AS got")


def test_a_second_read_ends_the_rule(sql: SqlBench, stored: str) -> None:
    assert not sql.fires(f"{stored}.n = 7 AND {stored}.n = 7", STORED)
    assert not sql.fires(f"{stored}.n = 7", STORED, select=f"{stored}.n AS got")
    assert sql.fires(f"{stored}.n = 7 AND who <> 'get_dynamodb('", STORED)


def test_a_row_above_8_kb_ends_the_rule(sql: SqlBench, stored: str) -> None:
    assert not sql.fires(f"{stored}.n = 7", {"who": "large"})


def test_a_read_that_the_role_may_not_make_ends_the_rule(sql: SqlBench, stored: str) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "iot.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = sql.engine.client("iam").create_role(
        RoleName="no-rights", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]})
    )
    get = stored.replace(sql.outputs["RuleRoleArn"], role["Role"]["Arn"])
    assert not sql.fires(f"isUndefined({get}.n) OR {get}.n = 7", STORED)


YES, NO, NOTHING = "a = 1", "a = 2", "b = 1"
"""True, false and Undefined for the message {"a": 1}."""


@pytest.mark.parametrize(
    ("where", "fires"),
    [
        (YES, True),
        (NO, False),
        (NOTHING, False),
        (f"NOT {NOTHING}", False),
        (f"NOT {NO}", True),
        (f"{YES} OR {NO}", True),
        (f"{YES} OR {NOTHING}", False),
        (f"{NOTHING} OR {YES}", False),
        (f"{NO} AND {NOTHING}", False),
        (f"NOT ({NO} AND {NOTHING})", False),
        (f"NOT ({NO} AND {YES})", True),
        (f"isUndefined(b) OR {NO}", True),
        (f"isUndefined(b) OR {NOTHING}", False),
        ("b <> 1", False),
        ("b < 1", False),
        ("a < 'x'", False),
        ("a = '1'", False),
    ],
)
def test_undefined_spreads_and_a_rule_fires_on_true_only(sql: SqlBench, where: str, fires: bool) -> None:
    assert sql.fires(where, {"a": 1}) is fires


@pytest.mark.parametrize("call", ["knock_knock(a)", "count(a)", "SELECT_IT()"])
def test_a_function_that_aws_does_not_have_is_refused_when_the_rule_is_made(sql: SqlBench, call: str) -> None:
    code, message = refused(
        sql.engine.client("iot").create_topic_rule,
        ruleName="unknown_function",
        topicRulePayload={"sql": f"SELECT {call} AS got, 'a(b)' AS text FROM 'a'", "actions": []},  # noqa: S608 - no database
    )
    assert code == "SqlParseException"
    assert call.partition("(")[0].lower() in message
