"""A fleet that goes on knocking, comes back, and drifts apart, on the local cloud with real devices."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gatehouse.admission import admissions
from gatehouse.device.mqtt import Connection
from gatehouse.local_cloud.cloud import LocalCloud
from gatehouse.reconciliation import findings
from gatehouse.revocation import lists
from gatehouse.stack.target import Target
from tests import pki
from tests.local_cloud import devices
from tests.local_cloud.test_operating import gatehouse
from tests.local_cloud.waiting import eventually
from workflows.dynamodb_items import to_item
from workflows.reconciliation.findings import Kind

pytestmark = pytest.mark.local_cloud


@pytest.fixture(scope="module")
def target(cloud: LocalCloud) -> Target:
    status = cloud.status()
    return Target(status.stack, status)


@pytest.fixture(scope="module")
def authority(cloud: LocalCloud, target: Target) -> pki.Authority:
    """A CA whose list counts."""
    made, ca_id = devices.register_ca(cloud, "Fleet CA")
    now = datetime.now(UTC)
    target.client("s3").put_object(
        Bucket=target.output("CrlBucket"), Key=f"issuers/{ca_id}.pem", Body=made.pem.encode()
    )
    dates: Any = {"this_update": now - pki.HOUR, "next_update": now + pki.DAY}
    lists.publish(target, pki.revocation_list(made, number=1, **dates), ca_id, at=now)
    return made


def expect(
    cloud: LocalCloud, files: devices.DeviceFiles, name: str, folder: Path, product: str = "thermometer"
) -> None:
    inventory = folder / f"{name}.csv"
    inventory.write_text(f"device,certificate_sha256,product\n{name},{files.certificate_id},{product}\n")
    gatehouse(cloud, "inventory", "import", str(inventory))


def connect(cloud: LocalCloud, files: devices.DeviceFiles, name: str) -> bool:
    with devices.device(cloud, files, name) as mqtt:
        return mqtt.connect() is Connection.CONNECTED


def reconcile(cloud: LocalCloud, target: Target) -> dict[tuple[str, str], findings.Standing]:
    """A whole round now, however long ago the last one was."""
    table = target.output("FindingsTable")
    for name in ("tables", "fleet"):
        target.client("dynamodb").delete_item(TableName=table, Key={"kind": {"S": "cursor"}, "subject": {"S": name}})
    function = function_of(target, "ReconcileFleet")
    answer = target.client("lambda").invoke(FunctionName=function, Payload=b"{}")
    assert "FunctionError" not in answer, answer["Payload"].read()
    assert cloud
    return {(one.kind, one.subject): one for one in findings.standing(target)}


def function_of(target: Target, name: str) -> str:
    pages = target.client("lambda").get_paginator("list_functions").paginate()
    found: str = next(one["FunctionName"] for page in pages for one in page["Functions"] if name in one["FunctionName"])
    return found


@pytest.fixture(scope="module")
def pump(
    cloud: LocalCloud, target: Target, authority: pki.Authority, tmp_path_factory: pytest.TempPathFactory
) -> devices.DeviceFiles:
    """An admitted device that has come back."""
    folder = tmp_path_factory.mktemp("pump")
    files = devices.issue(authority, "pump-0500", folder)
    expect(cloud, files, "pump-0500", folder)
    assert not connect(cloud, files, "pump-0500")
    eventually(lambda: outcome(target, files) == "admitted", within=180.0, what="admitted")
    eventually(lambda: connect(cloud, files, "pump-0500"), within=30.0, what="let in")
    return files


def test_first_connect_after_the_admission_is_recorded_and_the_next_changes_nothing(
    cloud: LocalCloud, target: Target, pump: devices.DeviceFiles
) -> None:
    found = eventually(lambda: returned(target, pump), within=60.0, what="recorded")
    assert found.awaited is None
    assert connect(cloud, pump, "pump-0500")
    assert admissions.show(target, pump.certificate_id).returned_at == found.returned_at


def returned(target: Target, files: devices.DeviceFiles) -> admissions.Admission | None:
    found = admissions.show(target, files.certificate_id)
    return found if found.returned_at is not None else None


def test_policy_that_somebody_detached_is_found_and_attached_again_from_the_sealed_record(
    cloud: LocalCloud, target: Target, pump: devices.DeviceFiles
) -> None:
    iot, subject = target.client("iot"), ("active_without_policy", pump.certificate_id)
    assert not [kind for kind, name in reconcile(cloud, target) if name in (pump.certificate_id, "pump-0500")]
    arn = iot.describe_certificate(certificateId=pump.certificate_id)["certificateDescription"]["certificateArn"]
    [policy] = iot.list_attached_policies(target=arn)["policies"]
    iot.detach_policy(policyName=policy["policyName"], target=arn)
    assert subject in reconcile(cloud, target)
    gatehouse(cloud, "findings", "repair", *subject, "--reason", "Detached by mistake", "--yes")
    assert iot.list_attached_policies(target=arn)["policies"] == [policy]
    assert subject not in reconcile(cloud, target)


def test_policy_that_somebody_changed_is_found_and_restored_as_the_finding_says(
    cloud: LocalCloud, target: Target, pump: devices.DeviceFiles
) -> None:
    iot = target.client("iot")
    arn = iot.describe_certificate(certificateId=pump.certificate_id)["certificateDescription"]["certificateArn"]
    name = iot.list_attached_policies(target=arn)["policies"][0]["policyName"]
    good = gatehouse(cloud, "policies", "show", "device", "--attached")
    assert (good["name"], good["document"], good["findings"]) == (name, "identical", [])
    assert pump.certificate_id in good["deployed"]["attached"]["certificate_ids"]

    wide = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}
    made = iot.create_policy_version(policyName=name, policyDocument=json.dumps(wide), setAsDefault=True)
    [finding] = gatehouse(cloud, "policies", "show", "device", code=1)["findings"]
    assert f"aws iot set-default-policy-version --policy-name {name} --policy-version-id 1" in finding["message"]
    iot.set_default_policy_version(policyName=name, policyVersionId="1")
    iot.delete_policy_version(policyName=name, policyVersionId=made["policyVersionId"])
    assert gatehouse(cloud, "policies", "show", "device")["findings"] == []


def test_certificate_that_somebody_activated_by_hand_is_found_and_taken_off(
    cloud: LocalCloud, target: Target, authority: pki.Authority, tmp_path: Path
) -> None:
    files = devices.issue(authority, "stranger-1", tmp_path)
    assert not connect(cloud, files, "stranger-1")
    eventually(lambda: outcome(target, files) == "held", within=180.0, what="held")
    target.client("iot").update_certificate(certificateId=files.certificate_id, newStatus="ACTIVE")
    subject = ("active_without_decision", files.certificate_id)
    assert subject in reconcile(cloud, target)
    gatehouse(cloud, "findings", "repair", *subject, "--reason", "Nobody knows it", "--yes")
    described = target.client("iot").describe_certificate(certificateId=files.certificate_id)
    assert described["certificateDescription"]["status"] == "INACTIVE"


def test_binding_that_its_thing_does_not_bear_out_is_undone_with_its_record(
    cloud: LocalCloud, target: Target, pump: devices.DeviceFiles
) -> None:
    """By the role of `seal_act`, in one transaction with the chain. `rules explain` reads the same stack.

    A round finds a binding only once it is 15 minutes old, so the finding is written here.
    """
    kind: Kind = "bound_without_certificate"
    iot, subject = target.client("iot"), (kind, "pump-0500")
    described = iot.describe_certificate(certificateId=pump.certificate_id)["certificateDescription"]
    iot.detach_thing_principal(thingName="pump-0500", principal=described["certificateArn"])
    now = datetime.now(UTC)
    finding = findings.Standing(kind=kind, subject="pump-0500", detail="", since=now, seen_at=now)
    target.client("dynamodb").put_item(TableName=target.output("FindingsTable"), Item=to_item(finding))
    gatehouse(cloud, "findings", "repair", *subject, "--reason", "Taken out of service", "--yes")
    assert gatehouse(cloud, "inventory", "show", "pump-0500")["binding"] is None
    assert subject not in reconcile(cloud, target)
    shown = gatehouse(cloud, "evidence", "show", pump.certificate_id)
    assert shown["report"]["failures"] == []
    acts = [one for one in shown["records"] if one["kind"] == "act"]
    assert [(one["act"], one["device"], one["reason"]) for one in acts] == [
        ("unbound", "pump-0500", "Taken out of service")
    ]
    explained = gatehouse(cloud, "rules", "explain", "--certificate", str(pump.certificate))
    assert [explained["inspection"]["status"], explained["revocation"]["status"]] == ["acceptable", "good"]
    assert explained["decision"]["rule"] == "expected-device"


def outcome(target: Target, files: devices.DeviceFiles) -> str | None:
    found = admissions.by_certificate(target, files.certificate_id)
    return None if found is None else found.outcome
