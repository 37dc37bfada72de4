"""A list is accepted while devices that it revokes are being admitted: real concurrency, real roles. None is ACTIVE at the end.

Turns spread the admissions over seconds, so one list meets each device at another call: before its inspection, between any two calls of
*Activate certificate*, after its record is sealed. The gate tries 20 devices; ``make races`` tries 200, with the list at other moments.
"""

import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gatehouse.admission import admissions
from gatehouse.local_cloud.cloud import LocalCloud
from gatehouse.revocation import lists
from gatehouse.stack.target import Target
from tests import pki
from tests.conftest import COUNTED
from tests.local_cloud import devices
from tests.local_cloud.waiting import eventually
from workflows.admission.contracts import DeviceRecord
from workflows.dynamodb_items import to_item

pytestmark = pytest.mark.local_cloud

ROUNDS = 10 if os.environ.get("GATEHOUSE_RACES") == "whole" else 1
DEVICES = 20


@pytest.mark.parametrize("number", range(ROUNDS))
def test_attack_no_device_is_active_that_a_list_revoked_while_it_was_admitted(
    cloud: LocalCloud, tmp_path: Path, number: int, record_property: Callable[[str, object], None]
) -> None:
    target, now = Target(cloud.status().stack, cloud.status()), datetime.now(UTC)
    authority, ca_id = devices.register_ca(cloud, f"Race CA {number}")
    target.client("s3").put_object(
        Bucket=target.output("CrlBucket"), Key=f"issuers/{ca_id}.pem", Body=authority.pem.encode()
    )
    dates: Any = {"this_update": now - pki.HOUR, "next_update": now + pki.DAY}
    lists.publish(target, pki.revocation_list(authority, number=1, **dates), ca_id, at=now)
    fleet = [devices.issue(authority, f"race-{number}-{one:02}", tmp_path) for one in range(DEVICES)]
    for files in fleet:
        record = DeviceRecord(
            lookup_key=f"certificate#{files.certificate_id}",
            device=files.certificate.stem,
            entered_by="ida",
            entered_at=now,
        )
        target.client("dynamodb").put_item(TableName=target.output("InventoryTable"), Item=to_item(record))

    def outcomes() -> Counter[str | None]:
        rows = [admissions.by_certificate(target, files.certificate_id) for files in fleet]
        return Counter(None if row is None else row.outcome for row in rows)

    def statuses() -> Counter[str]:
        listed = target.client("iot").list_certificates_by_ca(caCertificateId=ca_id, pageSize=250)["certificates"]
        return Counter(one["status"] for one in listed)

    def knock(files: devices.DeviceFiles) -> None:
        """Until it is noticed, as a device does: a first event may be lost."""

        def noticed() -> bool:
            with devices.device(cloud, files, files.certificate.stem) as knocking:
                knocking.connect()
            return admissions.by_certificate(target, files.certificate_id) is not None

        eventually(noticed, within=90, what="an admission stands")

    revoking = pki.revocation_list(authority, [files.x509.serial_number for files in fleet], number=2, **dates)
    with ThreadPoolExecutor(4) as pool:
        knocks = [pool.submit(knock, files) for files in fleet]
        enough = 1 + number * 2  # of those that are through when the list is handed in
        eventually(lambda: outcomes()["admitted"] >= enough, within=60, what="some are admitted")
        seen = outcomes()
        lists.publish(target, revoking, ca_id, at=datetime.now(UTC))
        for one in knocks:
            one.result()
    eventually(lambda: statuses() == {"REVOKED": DEVICES}, within=120, what="all are REVOKED")
    eventually(lambda: outcomes() == {"refused": DEVICES}, within=60, what="all are refused")
    assert statuses() == {"REVOKED": DEVICES}, "and stay so"
    record_property(COUNTED, f"{DEVICES} admissions raced a list, when of them were {dict(seen)}; none is ACTIVE")
