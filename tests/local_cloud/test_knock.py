"""`gatehouse doctor --knock` at the deployed stack: it comes through, or names the link, and leaves nothing in either case."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gatehouse.admission import admissions
from gatehouse.cli.doctor import lines_of
from gatehouse.doctor import lost_events
from gatehouse.doctor.trial.chain import run_trial
from gatehouse.doctor.trial.links import ORDER, Limits, Link
from gatehouse.evidence.files import Bucket, readable
from gatehouse.local_cloud.cloud import LocalCloud
from gatehouse.stack.target import Target
from tests.local_cloud.waiting import eventually
from workflows.admission.trial import HELD

pytestmark = pytest.mark.local_cloud

SHORT = Limits(judged=15, registered=10, started=1, execution=20, ended=15)


@pytest.fixture(scope="module")
def target(cloud: LocalCloud) -> Target:
    status = cloud.status()
    return Target(status.stack, status)


def left(target: Target) -> dict[str, set[str]]:
    """CAs, certificates and lists, but for what was handed in and the notes of trials."""
    iot, s3 = target.client("iot"), target.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=target.output("CrlBucket"))
    keys = {found["Key"] for page in pages for found in page.get("Contents", [])}
    return {
        "CAs": {one["certificateId"] for one in iot.list_ca_certificates()["certificates"]},
        "certificates": {one["certificateId"] for one in iot.list_certificates()["certificates"]},
        "objects": {key for key in keys if key.startswith(("current/", "lists/", "issuers/"))},
    }


@pytest.fixture(scope="module")
def operator(cloud: LocalCloud) -> Target:
    """Somebody who has the documented rights, and no others."""
    page = (Path(__file__).parents[2] / "docs/deploying.md").read_text(encoding="utf-8")
    [entry] = re.findall(r"^- `gatehouse doctor --knock`:\s.*(?:\n  .*)*", page, re.MULTILINE)
    every = ["cloudformation:DescribeStacks", "s3:PutObject"]  # what all commands need: outputs and audit trail
    actions = [*every, *re.findall(r"`([a-z0-9]+:[A-Z]\w+)`", entry)]
    iam, status = cloud.client("iam"), cloud.status()
    iam.create_user(UserName="knocks")
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
    iam.put_user_policy(UserName="knocks", PolicyName="knocks", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName="knocks")["AccessKey"]
    keys = {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}
    return Target(status.stack, replace(status, **keys))


def test_a_knock_comes_through_and_leaves_only_what_is_sealed(target: Target, operator: Target) -> None:
    before, links = left(target), list[Link]()
    assert run_trial(operator, links.append), links
    assert [(link.name, link.state) for link in links if link.state != "running"] == [(name, "ok") for name in ORDER]
    assert "state 'Look up device'" in [link.result for link in links if link.state == "running"]
    assert left(target) == before
    [row] = [one for one in admissions.list_newest(target, outcome="held", limit=50) if one.trial]
    assert HELD in (row.reason or "")
    assert (row.awaited, row.awaited_since) == (None, None)
    [file] = Bucket(target).read([str(row.evidence_key)])
    record = readable(file.data)
    assert record is not None
    assert record.trial


Break = Callable[[Target], AbstractContextManager[None]]


@contextmanager
def rule_disabled(target: Target) -> Iterator[None]:
    name, payload = registration_rule(target)
    target.client("iot").replace_topic_rule(ruleName=name, topicRulePayload=payload | {"ruleDisabled": True})
    try:
        yield
    finally:
        target.client("iot").replace_topic_rule(ruleName=name, topicRulePayload=payload)


@contextmanager
def rule_with_two_reads(target: Target) -> Iterator[None]:
    name, payload = registration_rule(target)
    role, table = payload["actions"][0]["sqs"]["roleArn"], target.output("AdmissionsTable")
    read = f'get_dynamodb("{table}", "certificate_id", certificateId, "{role}").reopen_at'
    broken = f"{payload['sql']} AND ({read} > timestamp() OR {read} <= timestamp())"
    target.client("iot").replace_topic_rule(ruleName=name, topicRulePayload=payload | {"sql": broken})
    try:
        yield
    finally:
        target.client("iot").replace_topic_rule(ruleName=name, topicRulePayload=payload)


def registration_rule(target: Target) -> tuple[str, dict[str, Any]]:
    names = [name for kind, name in lost_events.resources(target) if kind == "AWS::IoT::TopicRule"]
    [name] = [name for name in names if "RegistrationRule" in name]
    rule = target.client("iot").get_topic_rule(ruleName=name)["rule"]
    kept = ("sql", "actions", "ruleDisabled", "awsIotSqlVersion", "errorAction", "description")
    return name, {key: rule[key] for key in kept if key in rule}


@contextmanager
def role_without_its_right(target: Target, logical: str) -> Iterator[None]:
    """All of the role's inline policies are gone."""
    iam = target.client("iam")
    [role] = [
        name for kind, name in lost_events.resources(target) if kind == "AWS::IAM::Role" and f"-{logical}-" in name
    ]
    kept = {
        name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    }
    for name in kept:
        iam.delete_role_policy(RoleName=role, PolicyName=name)
    try:
        yield
    finally:
        for name, document in kept.items():
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))


@contextmanager
def source_switched_off(target: Target) -> Iterator[None]:
    sources = [uuid for kind, uuid in lost_events.resources(target) if kind == "AWS::Lambda::EventSourceMapping"]
    described = {uuid: target.client("lambda").get_event_source_mapping(UUID=uuid) for uuid in sources}
    queue = target.output("RegistrationQueueUrl").rpartition("/")[2]
    [uuid] = [uuid for uuid, one in described.items() if one["EventSourceArn"].endswith(queue)]
    target.client("lambda").update_event_source_mapping(UUID=uuid, Enabled=False)
    try:
        yield
    finally:
        target.client("lambda").update_event_source_mapping(UUID=uuid, Enabled=True)
        eventually(lambda: lost_events.waiting(target, target.output("RegistrationQueueUrl")) == 0)


BROKEN: dict[str, tuple[Break, str, str]] = {
    "a disabled rule": (rule_disabled, "start", r"RegistrationRule\w* is disabled"),
    "a rule with two reads": (rule_with_two_reads, "start", r"RegistrationRule\w* calls get_dynamodb 2 times"),
    "a rule's role without its right": (
        lambda target: role_without_its_right(target, "RuleRole"),
        "start",
        r"RegistrationRule.* neither its queue nor its error queue",
    ),
    "a source that is switched off": (source_switched_off, "start", "StartAdmissions.* does not read it"),
    "a step's role without its rights": (
        lambda target: role_without_its_right(target, "LookUpDeviceFunctionRole"),
        "execution",
        "failed in the state 'Look up device'",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_the_link_that_is_broken_is_named_and_all_is_cleaned_up(target: Target, operator: Target, name: str) -> None:
    breaks, stuck_at, said = BROKEN[name]
    before, links = left(target), list[Link]()
    with breaks(target):
        assert not run_trial(operator, links.append, SHORT)
    ends = [link for link in links if link.state != "running"]
    *held, stuck, end = ends
    assert (stuck.name, stuck.state) == (stuck_at, "stuck"), ends
    assert re.search(said, stuck.result), stuck.result
    assert stuck.advice
    assert all(link.state == "ok" for link in held)
    assert (end.name, end.state) == ("end", "ok"), end
    assert left(target) == before
    assert all(len(line) <= 80 for link in links for line in lines_of(link))
