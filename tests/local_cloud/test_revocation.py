"""Revocation after admission, from end to end: a list is handed in, and the device it revokes is out."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gatehouse.admission import admissions
from gatehouse.approval import approvers, sessions
from gatehouse.approval.approvals import Approvals
from gatehouse.device.mqtt import Connection
from gatehouse.local_cloud.cloud import LocalCloud
from gatehouse.revocation import lists
from gatehouse.stack.target import Target
from tests import audit_trail, pki
from tests.local_cloud import devices
from tests.local_cloud.test_operating import gatehouse
from tests.local_cloud.waiting import eventually
from workflows.admission.contracts import DeviceRecord
from workflows.dynamodb_items import to_item, to_plain
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
    first = lists.publish(target, pki.revocation_list(authority, number=1, **dates), ca_id, at=now)
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
        second = lists.publish(
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
        return any("list 2 revokes 1 devices" in subject for subject in heard)

    eventually(revokes, within=15, what="people were told")
    assert [one.sweep_owed for one in lists.status(target, ca_id, at=datetime.now(UTC))] == [False]
    with devices.device(cloud, files, "pump-0099") as again:
        assert again.connect() is not Connection.CONNECTED


def test_revoking_a_ca_takes_every_certificate_of_it_whatever_became_of_it(cloud: LocalCloud, tmp_path: Path) -> None:
    """Connected, held, asked about, never seen: all are REVOKED with proof, and a person's yes that comes later admits nobody."""
    target, now = Target(cloud.status().stack, cloud.status()), datetime.now(UTC)
    authority, ca_id = devices.register_ca(cloud, "Stolen CA")
    target.client("s3").put_object(
        Bucket=target.output("CrlBucket"), Key=f"issuers/{ca_id}.pem", Body=authority.pem.encode()
    )
    good = pki.revocation_list(authority, number=1, this_update=now - pki.HOUR, next_update=now + pki.DAY)
    lists.publish(target, good, ca_id, at=now)
    admitted, held, asked = (
        devices.issue(authority, name, tmp_path) for name in ("pump-0501", "pump-0502", "pump-0503")
    )
    for files, product in ((admitted, "thermometer"), (asked, "infusion-pump")):
        record = DeviceRecord(
            lookup_key=f"certificate#{files.certificate_id}",
            device=files.certificate.stem,
            product=product,
            entered_by="ida",
            entered_at=now,
        )
        target.client("dynamodb").put_item(TableName=target.output("InventoryTable"), Item=to_item(record))
    iot = target.client("iot")
    strangers = [
        iot.register_certificate(
            certificatePem=devices.issue(authority, name, tmp_path).certificate.read_text(),
            caCertificatePem=authority.pem,
            status=status,
        )["certificateId"]
        for name, status in (("stranger-1", "ACTIVE"), ("stranger-2", "INACTIVE"))
    ]
    everybody = {admitted.certificate_id, held.certificate_id, asked.certificate_id, *strangers}

    def outcome(files: devices.DeviceFiles) -> str | None:
        found = admissions.by_certificate(target, files.certificate_id)
        return found.outcome if found else None

    def statuses() -> dict[str, str]:
        listed = iot.list_certificates_by_ca(caCertificateId=ca_id)["certificates"]
        return {one["certificateId"]: one["status"] for one in listed}

    for files in (admitted, held, asked):
        with devices.device(cloud, files, files.certificate.stem) as knocking:
            knocking.connect()
    eventually(lambda: outcome(admitted) == "admitted" and outcome(held) == "held", within=60, what="in, and held")
    approval = eventually(
        lambda: admissions.approval_of(target, asked.certificate_id), within=60, what="people are asked"
    )

    why = ("--reason", "Key copied from the signing host")
    before = statuses()
    plan = gatehouse(cloud, "ca", "revoke", ca_id, *why, "--dry-run")["plan"]
    assert plan["certificates"] == {"ACTIVE": 2, "PENDING_ACTIVATION": 2, "INACTIVE": 1}
    assert (plan["revokes"], plan["admissions"]) == (5, {"admitted": 1, "held": 1, "open": 1})
    assert statuses() == before

    with devices.device(cloud, admitted, "pump-0501") as mqtt:
        assert mqtt.connect() is Connection.CONNECTED
        gatehouse(cloud, "ca", "revoke", ca_id, *why, "--yes")
        eventually(lambda: statuses() == dict.fromkeys(everybody, "REVOKED"), within=90, what="all are REVOKED")
        assert mqtt.wait_for_disconnect(within=15), "the live session goes on"
    described = iot.describe_ca_certificate(certificateId=ca_id)["certificateDescription"]
    assert (described["status"], described["autoRegistrationStatus"]) == ("INACTIVE", "DISABLE")

    desk = {}
    for name, group in (("quinn", "quality"), ("sid", "security")):
        mail, password = f"{name}@example.com", "correct-horse-battery-Staple-9"
        approvers.add(target, email=mail, name=name, password=password, groups=(group,))
        desk[name] = Approvals(target.output("ApprovalsUrl"), sessions.sign_in(target, mail, password).id_token)
    for one in desk.values():
        basis = str(one.show(approval)["basis_sha256"])
        one.vote(approval, "approve", reason="Delivery note 7", meaning="approval", basis_sha256=basis)
    eventually(lambda: outcome(asked) in ("held", "refused"), within=90, what="the admission ends")
    assert statuses()[asked.certificate_id] == "REVOKED"

    def nobody_is_left() -> bool:
        again = gatehouse(cloud, "ca", "revoke", ca_id, "--reason", "Once more", "--yes")
        sfn, execution = target.client("stepfunctions"), again["started"]["execution"]
        assert again["started"]["resumed"]
        eventually(lambda: sfn.describe_execution(executionArn=execution)["status"] == "SUCCEEDED", within=90)
        return {outcome(files) for files in (admitted, held, asked)} == {"refused"}

    eventually(nobody_is_left, within=180, what="the second run goes on with the first order")
    assert nobody_is_left(), "a third finds nobody, and does no harm"
    for certificate_id in everybody:
        told = gatehouse(cloud, "evidence", "show", certificate_id)
        assert told["report"]["failures"] == []
        [act] = [one for one in told["records"] if one.get("act") == "revoked"]
        assert (act["authority"]["ca_certificate_id"], act["authority"]["reason"]) == (ca_id, why[1])
        assert act["authority"]["by"] == target.client("sts").get_caller_identity()["Arn"]
    records = gatehouse(cloud, "evidence", "show", asked.certificate_id)["records"]
    [ended] = [one for one in records if one["kind"] == "admission"]
    assert (ended["outcome"], ended["dossier"]["approval"]["status"]) == ("held", "approved"), (
        "the late yes admits nobody"
    )
    trail_ids = {entry.id for entry in audit_trail.every(target) if (entry.type, entry.subject) == ("revoke", ca_id)}
    assert act["authority"]["trail_id"] in trail_ids


def test_a_list_that_fails_is_kept_aside_with_its_clause(cloud: LocalCloud) -> None:
    """With its own role: it copies the list aside and tells people and programs."""
    target = Target(cloud.status().stack, cloud.status())
    authority, ca_id = devices.register_ca(cloud, "Rejected CA")
    key = f"issuers/{ca_id}.pem"
    cloud.client("s3").put_object(Bucket=target.output("CrlBucket"), Key=key, Body=authority.pem.encode())
    at = datetime.now(UTC)
    data = pki.revocation_list(authority, this_update=at - pki.HOUR, next_update=at + pki.DAY, number=None)
    with pytest.raises(lists.ListRejected, match=r"RFC 5280 5\.2\.3"):
        lists.publish(target, data, ca_id, at=at)
    assert lists.status(target, ca_id, at=at) == []


@pytest.mark.parametrize("function", ["WatchLists", "FetchCrl"])
def test_what_runs_on_a_schedule_may_do_what_it_does(cloud: LocalCloud, function: str) -> None:
    client = cloud.client("lambda")
    pages = client.get_paginator("list_functions").paginate()
    [name] = [one["FunctionName"] for page in pages for one in page["Functions"] if function in one["FunctionName"]]
    answer = client.invoke(FunctionName=name, Payload=b"{}")
    assert "FunctionError" not in answer, answer["Payload"].read()
    assert json.load(answer["Payload"])["status"] in ("watched", "fetched")
