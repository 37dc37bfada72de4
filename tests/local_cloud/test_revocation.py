"""Revocation after admission, from end to end: a list is handed in, and the device it revokes is out."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gatehouse import revocation_lists
from gatehouse.local_cloud.cloud import LocalCloud
from gatehouse.mqtt import Connection
from gatehouse.tables import to_item, to_plain
from gatehouse.target import Target
from tests import pki
from tests.local_cloud import devices
from tests.local_cloud.waiting import eventually
from workflows.admission.contracts import DeviceRecord
from workflows.evidence import jws
from workflows.evidence.record import ActRecord, parse

pytestmark = pytest.mark.local_cloud


def inbox(cloud: LocalCloud) -> Any:
    """A queue that hears what people are told."""
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="people")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = cloud.status().outputs["NotificationsTopicArn"]
    may = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    sqs.set_queue_attributes(
        QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [may]})}
    )
    cloud.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def told() -> list[str]:
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"])["Subject"] for message in found]

    return told


def test_a_new_list_takes_an_admitted_device_back(cloud: LocalCloud, tmp_path: Path) -> None:
    target = Target(cloud.status().stack, cloud.status())
    authority, ca_id = devices.register_ca(cloud, "Sweep CA")
    now = datetime.now(UTC)
    cloud.client("s3").put_object(
        Bucket=target.output("CrlBucket"), Key=f"issuers/{ca_id}.pem", Body=authority.pem.encode()
    )
    dates: Any = {"this_update": now - pki.HOUR, "next_update": now + pki.DAY}
    first = revocation_lists.publish(target, pki.revocation_list(authority, number=1, **dates), ca_id, at=now)
    assert first.sweep

    files = devices.issue(authority, "pump-0099", tmp_path)
    record = DeviceRecord(
        lookup_key=f"certificate#{files.certificate_id}", device="pump-0099", entered_by="ida", entered_at=now
    )
    cloud.client("dynamodb").put_item(TableName=target.output("InventoryTable"), Item=to_item(record))

    def row() -> dict[str, Any]:
        found = cloud.client("dynamodb").get_item(
            TableName=target.output("AdmissionsTable"), Key={"certificate_id": {"S": files.certificate_id}}
        )
        return to_plain(found.get("Item", {}))

    def status() -> str:
        found = cloud.client("iot").describe_certificate(certificateId=files.certificate_id)
        return str(found["certificateDescription"]["status"])

    told = inbox(cloud)
    with devices.device(cloud, files, "pump-0099") as knocking:
        assert knocking.connect() is Connection.CLOSED
    eventually(lambda: row().get("outcome") == "admitted", within=60, what="admitted")
    with devices.device(cloud, files, "pump-0099") as mqtt:
        assert mqtt.connect() is Connection.CONNECTED
        second = revocation_lists.publish(
            target,
            pki.revocation_list(authority, [files.x509.serial_number], number=2, **dates),
            ca_id,
            at=datetime.now(UTC),
        )
        eventually(lambda: status() == "REVOKED", within=60, what="REVOKED")
        assert mqtt.wait_for_disconnect(within=15), "the live session goes on"
    eventually(lambda: row()["outcome"] == "refused", within=30, what="the admission says so")

    sfn = cloud.client("stepfunctions")
    eventually(
        lambda: sfn.describe_execution(executionArn=second.sweep)["status"] == "SUCCEEDED", within=30, what="swept"
    )
    key = row()["evidence_key"]
    data = cloud.client("s3").get_object(Bucket=target.output("EvidenceBucket"), Key=key)["Body"].read()
    act = parse(jws.parse(data)[1])
    assert isinstance(act, ActRecord)
    assert (act.act, act.outcome, act.device) == ("revoked", "refused", "pump-0099")
    assert act.revocation is not None
    assert act.revocation.governing is not None
    assert act.revocation.governing.number == "2"
    assert act.previous is not None
    heard: list[str] = []

    def revokes() -> bool:
        heard.extend(told())
        return any("list 2 revokes 1 admitted" in subject for subject in heard)

    eventually(revokes, within=15, what="people were told")
    assert [one.sweep_owed for one in revocation_lists.status(target, ca_id, at=datetime.now(UTC))] == [False]
    with devices.device(cloud, files, "pump-0099") as again:
        assert again.connect() is not Connection.CONNECTED


def test_a_list_that_fails_is_kept_aside_with_its_clause(cloud: LocalCloud) -> None:
    """With its own role: it copies the list aside and tells people and programs."""
    target = Target(cloud.status().stack, cloud.status())
    authority, ca_id = devices.register_ca(cloud, "Rejected CA")
    key = f"issuers/{ca_id}.pem"
    cloud.client("s3").put_object(Bucket=target.output("CrlBucket"), Key=key, Body=authority.pem.encode())
    at = datetime.now(UTC)
    data = pki.revocation_list(authority, this_update=at - pki.HOUR, next_update=at + pki.DAY, number=None)
    with pytest.raises(revocation_lists.ListRejected, match=r"RFC 5280 5\.2\.3"):
        revocation_lists.publish(target, data, ca_id, at=at)
    assert revocation_lists.status(target, ca_id, at=at) == []


@pytest.mark.parametrize("function", ["WatchLists", "FetchCrl"])
def test_what_runs_on_a_schedule_may_do_what_it_does(cloud: LocalCloud, function: str) -> None:
    client = cloud.client("lambda")
    pages = client.get_paginator("list_functions").paginate()
    [name] = [one["FunctionName"] for page in pages for one in page["Functions"] if function in one["FunctionName"]]
    answer = client.invoke(FunctionName=name, Payload=b"{}")
    assert "FunctionError" not in answer, answer["Payload"].read()
    assert json.load(answer["Payload"])["status"] in ("watched", "fetched")
