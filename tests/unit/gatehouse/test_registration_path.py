"""What `gatehouse doctor` says of the rule's own failures, and of devices that knock and are not heard."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gatehouse.doctor import lost_events, registration_path
from gatehouse.stack.target import Target
from workflows.reconciliation.findings import GRACE

NOW = datetime.now(UTC).replace(microsecond=0)
CA = "ca" * 32


@pytest.mark.parametrize(
    ("counts", "state", "says"),
    [
        ({}, "ok", "got no knock"),
        ({"TopicMatch": 5, "Success": 5}, "ok", "TopicMatch 5"),
        ({"TopicMatch": 5}, "wrong", "runs no action for them"),
        ({"TopicMatch": 5, "Success": 4, "Failure": 1}, "wrong", "doctor events rule"),
        ({"TopicMatch": 5, "Success": 4, "ParseError": 1}, "wrong", "could not read"),
        ({"TopicMatch": 5, "Success": 4, "RuleMessageThrottled": 1}, "wrong", "throttles"),
    ],
)
def test_what_aws_iot_counts_of_the_rule_is_judged(counts: dict[str, float], state: str, says: str) -> None:
    check = registration_path.judge_metrics("knocks", counts)
    assert (check.state, says in f"{check.result} {check.advice}") == (state, True), check


@pytest.fixture
def rule(target: Target, monkeypatch: pytest.MonkeyPatch) -> Target:
    """The stack's rule, whose name is ``knocks``."""
    url = target.client("sqs").create_queue(QueueName="knocks")["QueueUrl"]
    target.__dict__["outputs"]["RegistrationQueueUrl"] = url
    monkeypatch.setattr(lost_events, "resources", lambda _: iter([("AWS::IoT::TopicRule", "knocks")]))
    action = {"sqs": {"queueUrl": url, "roleArn": "arn:aws:iam::1:role/x"}}
    payload: Any = {"sql": "SELECT *", "actions": [action], "ruleDisabled": False}
    target.client("iot").create_topic_rule(ruleName="knocks", topicRulePayload=payload)
    return target


def put(target: Target, metric: str, value: float, *, ago: timedelta, rule: str = "knocks", **dimensions: str) -> None:
    named = [{"Name": name, "Value": text} for name, text in {"RuleName": rule, **dimensions}.items()]
    target.client("cloudwatch").put_metric_data(
        Namespace="AWS/IoT",
        MetricData=[{"MetricName": metric, "Value": value, "Timestamp": NOW - ago, "Dimensions": named}],
    )


def test_the_metrics_of_this_rule_and_of_the_last_hour_are_read(rule: Target) -> None:
    minutes = timedelta(minutes=10)
    put(rule, "TopicMatch", 3, ago=minutes)
    put(rule, "Success", 1, ago=minutes, ActionType="whatever AWS calls it")
    put(rule, "Success", 1, ago=minutes, ActionType="SQS")
    put(rule, "TopicMatch", 100, ago=timedelta(hours=3))
    put(rule, "Failure", 100, ago=minutes, rule="another", ActionType="SQS")
    check = registration_path.metrics(rule, NOW)
    assert check.state == "ok"
    assert "TopicMatch 3" in check.result
    assert "Success 2" in check.result
    put(rule, "Failure", 1, ago=minutes, ActionType="SQS")
    assert registration_path.metrics(rule, NOW).state == "wrong"


def test_matches_without_any_success_are_wrong(rule: Target) -> None:
    put(rule, "TopicMatch", 3, ago=timedelta(minutes=10))
    assert registration_path.metrics(rule, NOW).state == "wrong"


def test_the_local_cloud_has_no_such_metrics_and_it_is_said(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target, "local", True)
    assert registration_path.metrics(target, NOW).result.startswith("not checked: the local cloud has no metrics")


def test_pending_certificates_that_no_admission_knows_are_found(target: Target) -> None:
    iot = target.client("iot")
    asked: list[dict[str, Any]] = []
    listed = [
        {"certificateId": "11" * 32, "status": "PENDING_ACTIVATION", "creationDate": NOW - GRACE},
        {"certificateId": "22" * 32, "status": "PENDING_ACTIVATION", "creationDate": NOW},
        {"certificateId": "33" * 32, "status": "PENDING_ACTIVATION", "creationDate": NOW - GRACE},
        {"certificateId": "44" * 32, "status": "ACTIVE", "creationDate": NOW - GRACE},
    ]

    def answer(**request: Any) -> dict[str, Any]:
        asked.append(request)
        return {"certificates": listed}

    iot.list_ca_certificates = lambda **_: {"certificates": [{"certificateId": CA}]}
    iot.list_certificates_by_ca = answer
    row = {"certificate_id": {"S": "33" * 32}, "outcome": {"S": "open"}}
    target.client("dynamodb").put_item(TableName=target.output("AdmissionsTable"), Item=row)
    check = registration_path.newest(target, NOW)
    assert check.state == "wrong"
    assert check.result == f"1 pending certificates have no admission: {'11' * 32}"
    assert asked == [{"caCertificateId": CA, "pageSize": 250, "ascendingOrder": False}]
    listed.clear()
    assert registration_path.newest(target, NOW).state == "ok"
