"""What an operator does when a device was held or a knock was lost, on the local cloud."""

import base64
import json
import os
import secrets
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.credentials import Credentials

from gatehouse.admission import admissions, sealed_acts
from gatehouse.device.mqtt import Connection
from gatehouse.errors import NotPermitted
from gatehouse.local_cloud.cloud import LocalCloud, LocalCloudStatus
from gatehouse.revocation import lists
from gatehouse.stack.target import Target
from tests import audit_trail, pki
from tests.local_cloud import devices
from tests.local_cloud.waiting import eventually
from workflows.dynamodb_items import to_item

pytestmark = pytest.mark.local_cloud


@pytest.fixture(scope="module")
def target(cloud: LocalCloud) -> Target:
    status = cloud.status()
    return Target(status.stack, status)


def gatehouse(cloud: LocalCloud, *arguments: str, code: int = 0) -> Any:
    """The command as an operator runs it: a process of its own. Returns its JSON."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / "gatehouse"), "--local", *arguments, "--json"],
        env={**os.environ, "GATEHOUSE_HOME": str(cloud.settings.home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def test_held_device_is_admitted_once_the_inventory_is_mended_and_its_admission_reopened(
    cloud: LocalCloud, target: Target, tmp_path: Path
) -> None:
    authority, ca_id = devices.register_ca(cloud, "Operating CA")
    now = datetime.now(UTC)
    target.client("s3").put_object(
        Bucket=target.output("CrlBucket"), Key=f"issuers/{ca_id}.pem", Body=authority.pem.encode()
    )
    dates: Any = {"this_update": now - pki.HOUR, "next_update": now + pki.DAY}
    lists.publish(target, pki.revocation_list(authority, number=1, **dates), ca_id, at=now)
    files = devices.issue(authority, "pump-0077", tmp_path)

    def knock_until(outcome: str) -> bool:
        with devices.device(cloud, files, "pump-0077") as mqtt:
            connected = mqtt.connect() is Connection.CONNECTED
        found = admissions.by_certificate(target, files.certificate_id)
        return found is not None and found.outcome == outcome and (connected or outcome != "admitted")

    eventually(lambda: knock_until("held"), within=60.0, what="held: nobody expects it")
    held = admissions.show(target, files.certificate_id)
    inventory = tmp_path / "fleet.csv"
    inventory.write_text(f"device,certificate_sha256,product\npump-0077,{files.certificate_id},thermometer\n")
    gatehouse(cloud, "inventory", "import", str(inventory))
    assert not knock_until("admitted")
    assert (
        admissions.show(target, files.certificate_id).execution_arn == held.execution_arn
    )  # still within its cool-down

    why = ("--reason", "Entered by now")
    assert gatehouse(cloud, "admissions", "reopen", files.certificate_id, *why, "--dry-run")["done"] is False
    assert admissions.show(target, files.certificate_id).reopen_at == held.reopen_at
    gatehouse(cloud, "admissions", "reopen", files.certificate_id, *why, "--yes")
    eventually(lambda: knock_until("admitted"), within=60.0, what="admitted")

    assert admissions.show(target, files.certificate_id).execution_arn != held.execution_arn
    told = [entry for entry in audit_trail.every(target) if entry.subject == files.certificate_id]
    assert [(entry.type, entry.result, entry.reason) for entry in told] == [
        ("reopen", "begun", "Entered by now"),
        ("reopen", "succeeded", "Entered by now"),
    ]
    report = gatehouse(cloud, "evidence", "show", files.certificate_id)
    assert report["report"]["failures"] == []
    by_kind = {one.get("act", one["outcome"]): one for one in report["records"]}
    assert by_kind["reopened"]["operator"]["arn"] == target.client("sts").get_caller_identity()["Arn"]
    assert by_kind["admitted"]["previous"]["key"] == by_kind["reopened"]["key"]


class Impostor(Target):
    """Signs with the key of somebody whose secret it does not have."""

    def __init__(self, status: LocalCloudStatus, access_key: str) -> None:
        super().__init__(status.stack, status)
        self._access_key = access_key

    def credentials(self) -> Credentials:
        return Credentials(self._access_key, "guessed")


def test_act_is_sealed_in_the_name_of_whoever_holds_the_key(cloud: LocalCloud, target: Target, tmp_path: Path) -> None:
    """The engine checks signatures of users as STS does; those of its administrator it does not."""
    iam = target.client("iam")
    iam.create_user(UserName="erin")
    key = iam.create_access_key(UserName="erin")["AccessKey"]
    certificate_id, execution = secrets.token_hex(32), "arn:aws:states:us-east-1:000000000000:execution:m:e"
    target.client("dynamodb").put_item(
        TableName=target.output("AdmissionsTable"),
        Item=to_item(
            {
                "certificate_id": certificate_id,
                "ca_certificate_id": secrets.token_hex(32),
                "outcome": "held",
                "execution_arn": execution,
                "reopen_at": 253402300799000,
                "claimed_at": datetime.now(UTC),
                "device": "pump-0078",
            }
        ),
    )
    with pytest.raises(NotPermitted, match="does not accept your identity"):
        sealed_acts.carry_out(
            Impostor(cloud.status(), key["AccessKeyId"]), "reopen", certificate_id, execution, "Because"
        )
    before = admissions.by_certificate(target, certificate_id)
    assert before is not None
    assert before.evidence_key is None

    erin = Impostor(cloud.status(), key["AccessKeyId"])
    erin.credentials = lambda: Credentials(key["AccessKeyId"], key["SecretAccessKey"])  # type: ignore[method-assign]
    sealed_acts.carry_out(erin, "reopen", certificate_id, execution, "Because")
    (record,) = gatehouse(cloud, "evidence", "show", certificate_id)["records"]
    assert record["by"] == "arn:aws:iam::000000000000:user/erin"


def test_lost_knock_is_found_by_the_doctor_and_redriven(cloud: LocalCloud, target: Target) -> None:
    certificate_id = secrets.token_hex(32)
    event = {
        "certificateId": certificate_id,
        "caCertificateId": secrets.token_hex(32),
        "certificateStatus": "PENDING_ACTIVATION",
    }
    document = {
        "ruleName": "knocks",
        "base64OriginalPayload": base64.b64encode(json.dumps(event).encode()).decode(),
        "failures": [{"errorMessage": "throttled"}],
    }
    target.client("sqs").send_message(QueueUrl=target.output("RuleErrorQueueUrl"), MessageBody=json.dumps(document))
    states = {check["name"]: check["state"] for check in gatehouse(cloud, "doctor", code=1)}
    assert states["queue rule"] == "wrong"
    assert {states[name] for name in ("AWS answers", "stack", "state machine", "topic rule", "device endpoint")} == {
        "ok"
    }

    why = ("--reason", "The quota was raised")
    assert gatehouse(cloud, "doctor", "redrive", "rule", *why, "--yes")["redriven"] == 1
    assert gatehouse(cloud, "doctor", "events", "rule") == []
    eventually(lambda: admissions.by_certificate(target, certificate_id), within=60.0, what="claimed")
