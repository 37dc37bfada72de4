"""Checks whether knocks start admissions: the topic rule, its metrics, its queue, and pending certificates without an admission.

The metrics are described in https://docs.aws.amazon.com/iot/latest/developerguide/metrics_dimensions.html: *Rule metrics* (dimension
`RuleName`) and *Rule action metrics* (dimensions `RuleName` and `ActionType`, whose values are not documented, so they are listed first).
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from gatehouse.doctor import lost_events
from gatehouse.doctor.check import Check
from gatehouse.revocation import authorities
from gatehouse.stack import tables
from gatehouse.stack.target import Target
from workflows.reconciliation.findings import Finding, Row, of_pending

_HOUR, _LATE = timedelta(hours=1), timedelta(minutes=5)
"""The period of the metrics, and the delay with which they may be published."""

_OF_RULE, _OF_ACTION = ("TopicMatch", "ParseError", "RuleMessageThrottled"), ("Success", "Failure")

NEWEST = 250
"""How many certificates of a CA are checked: as many as one call returns."""


def rule(target: Target) -> Check:
    """Whether a rule fills the registration queue and is enabled."""
    name = "topic rule"
    found = registration_rule(target)
    if found is None:
        advice = "No knock reaches the stack. Deploy the stack again."
        return Check(
            name=name, state="wrong", result="no rule of the stack fills the registration queue", advice=advice
        )
    if found.get("ruleDisabled"):
        advice = f"No knock reaches the stack. Enable it: aws iot enable-topic-rule --rule-name {found['ruleName']}"
        return Check(name=name, state="wrong", result=f"{found['ruleName']} is disabled", advice=advice)
    reads = len(re.findall(r"get_dynamodb\s*\(", found["sql"]))
    # https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-get-dynamodb
    if reads > 1:
        said = f"the statement of {found['ruleName']} calls get_dynamodb {reads} times, so AWS IoT runs none of its actions"
        return Check(
            name=name, state="wrong", result=said, advice="No knock reaches the stack. Deploy the stack again."
        )
    return Check(name=name, state="ok", result=f"{found['ruleName']} is enabled and fills the registration queue")


def registration_rule(target: Target) -> dict[str, Any] | None:
    """The rule in AWS IoT that fills the registration queue; None if the stack has none, or it was deleted."""
    iot, queue = target.client("iot"), target.output("RegistrationQueueUrl")
    for kind, name in lost_events.resources(target):
        if kind != "AWS::IoT::TopicRule":
            continue
        try:
            found: dict[str, Any] = iot.get_topic_rule(ruleName=name)["rule"]
        except (iot.exceptions.ResourceNotFoundException, iot.exceptions.UnauthorizedException) as error:
            if "iot:GetTopicRule" in str(error):  # an error of IAM names the action
                raise
            continue  # AWS IoT's error for a missing rule
        if queue in [action["sqs"]["queueUrl"] for action in found["actions"] if "sqs" in action]:
            return {"ruleName": name} | found
    return None


def metrics(target: Target, at: datetime) -> Check:
    """What the rule did with the knocks of the last hour, from AWS IoT's metrics."""
    if target.local:
        said = "not checked: the local cloud has no metrics of AWS IoT's rules"
        return Check(name="rule's metrics", state="ok", result=said)
    found = registration_rule(target)
    if found is None:
        return Check(name="rule's metrics", state="ok", result="not checked: there is no rule")
    return judge_metrics(found["ruleName"], _counts(target, found["ruleName"], at))


def judge_metrics(name: str, counts: Mapping[str, float]) -> Check:
    """The check of a rule's metrics. `counts` are the sums of an hour, by metric; a missing one is 0."""
    matched, done = counts.get("TopicMatch", 0), counts.get("Success", 0)
    said = ", ".join(f"{metric} {counts.get(metric, 0):g}" for metric in (*_OF_RULE, *_OF_ACTION))
    advice = None
    if counts.get("Failure"):
        advice = "It could not put knocks into the queue: gatehouse doctor events rule says why."
    elif counts.get("ParseError"):
        advice = (
            "AWS IoT could not read its statement or a message. Deploy the stack again; set IotLogLevel to see more."
        )
    elif counts.get("RuleMessageThrottled"):
        advice = "AWS IoT throttles it. Devices knock again. If it lasts, request a higher quota."
    elif matched and not done:
        advice = (
            "Knocks match its topic, but it runs no action for them. Compare its statement with template.yaml; "
            "set IotLogLevel to see why."
        )
    if advice:
        return Check(name="rule's metrics", state="wrong", result=f"{name} in the last hour: {said}", advice=advice)
    nothing = f"{name} got no knock in the last hour"
    return Check(name="rule's metrics", state="ok", result=f"{name} in the last hour: {said}" if matched else nothing)


def _counts(target: Target, name: str, at: datetime) -> Counter[str]:
    cloudwatch = target.client("cloudwatch")
    of_rule = {"Name": "RuleName", "Value": name}
    metrics: list[tuple[str, list[dict[str, str]]]] = [(metric, [of_rule]) for metric in _OF_RULE]
    for page in cloudwatch.get_paginator("list_metrics").paginate(Namespace="AWS/IoT", Dimensions=[of_rule]):
        metrics += [
            (one["MetricName"], one["Dimensions"]) for one in page["Metrics"] if one["MetricName"] in _OF_ACTION
        ]
    queries = [
        {
            "Id": f"m{number}",
            "MetricStat": {
                "Metric": {"Namespace": "AWS/IoT", "MetricName": metric, "Dimensions": dimensions},
                "Period": 3600,
                "Stat": "Sum",
            },
        }
        for number, (metric, dimensions) in enumerate(metrics)
    ]
    until = at - _LATE
    answer = cloudwatch.get_metric_data(MetricDataQueries=queries, StartTime=until - _HOUR, EndTime=until)
    counts: Counter[str] = Counter()
    for result in answer["MetricDataResults"]:
        counts[metrics[int(result["Id"][1:])][0]] += round(sum(result["Values"]))
    return counts


def source(target: Target) -> Check:
    """Whether AWS Lambda reads the queue that the rule fills."""
    name = "registration queue"
    for kind, uuid in lost_events.resources(target):
        if kind != "AWS::Lambda::EventSourceMapping":
            continue
        source = target.client("lambda").get_event_source_mapping(UUID=uuid)
        if source["EventSourceArn"].rpartition(":")[2] != target.output("RegistrationQueueUrl").rpartition("/")[2]:
            continue
        function = source["FunctionArn"].split(":")[6]
        if source["State"] in ("Disabled", "Disabling"):
            advice = f"Knocks wait there. Enable it: aws lambda update-event-source-mapping --uuid {uuid} --enabled"
            return Check(
                name=name,
                state="wrong",
                result=f"{function} does not read it: the event source mapping is disabled",
                advice=advice,
            )
        waiting = lost_events.waiting(target, target.output("RegistrationQueueUrl"))
        return Check(name=name, state="ok", result=f"{function} reads it; {waiting} knocks wait in it")
    advice = "Knocks wait there. Deploy the stack again."
    return Check(name=name, state="wrong", result="no function of the stack reads it", advice=advice)


def newest(target: Target, at: datetime) -> Check:
    """Whether each pending certificate among the newest of each CA has an admission."""
    lost = [one.subject for one in _pending(target, at)]
    if not lost:
        return Check(name="newest certificates", state="ok", result="each pending certificate has an admission")
    advice = (
        "Their knocks started no admission. See the checks of the rule and the queue above. "
        "All such certificates: gatehouse findings list --kind pending_without_admission"
    )
    said = f"{len(lost)} pending certificates have no admission: {', '.join(lost[:3])}"
    return Check(name="newest certificates", state="wrong", result=said, advice=advice)


def _pending(target: Target, at: datetime) -> Iterator[Finding]:
    iot = target.client("iot")
    for ca in authorities.identifiers(iot):
        listed = iot.list_certificates_by_ca(caCertificateId=ca, pageSize=NEWEST, ascendingOrder=False)["certificates"]
        waiting = {one["certificateId"]: one["creationDate"] for one in listed if one["status"] == "PENDING_ACTIVATION"}
        rows: dict[str, Row] = {}
        for keys in tables.batches([{"certificate_id": one} for one in waiting], 100):
            found = tables.read_batch(target.client("dynamodb"), target.output("AdmissionsTable"), keys)
            rows |= {row["certificate_id"]: msgspec.convert(row, Row) for row in found}
        made = (of_pending(one, registered, rows.get(one), at) for one, registered in waiting.items())
        yield from (one for one in made if one is not None)
