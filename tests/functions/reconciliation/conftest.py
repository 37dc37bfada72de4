"""A fleet in which everything fits together, for tests that put one thing out of place."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from functions.admission.record_return.app import handler as record_return
from functions.reconciliation.reconcile_fleet.app import handler
from functions.shared.admissions import NEVER
from tests import aws_environment, faults, pki
from workflows.dynamodb_items import to_item, to_plain

OLD = pki.NOW - 2 * pki.HOUR
MACHINE: Any = {"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}


class Fleet:
    """One CA, and devices that are in."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names
        self.ca = pki.authority()
        self.ca_id = aws_environment.register_ca(self.ca)
        self.iot: Any = aws_environment.client("iot")
        self.dynamodb: Any = aws_environment.client("dynamodb")
        self.iot.create_policy(policyName="gatehouse-device-1", policyDocument="{}")

    def device(self, name: str, serial: int, *, row: bool = True, policy: bool = True, **more: Any) -> str:
        """An ACTIVE certificate with thing, binding, policy and admission; returns its id. `more` are the row's attributes."""
        certificate = pki.device(self.ca, name, serial=serial)
        aws_environment.register_device(certificate, self.ca, "ACTIVE")
        certificate_id = aws_environment.certificate_id(certificate)
        arn = f"arn:aws:iot:{aws_environment.REGION}:{aws_environment.ACCOUNT}:cert/{certificate_id}"
        self.iot.create_thing(thingName=name)
        self.iot.attach_thing_principal(thingName=name, principal=arn)
        if policy:
            self.iot.attach_policy(policyName="gatehouse-device-1", target=arn)
        self.put("INVENTORY_TABLE", lookup_key=f"device#{name}", bound_certificate_id=certificate_id, bound_at=OLD,
                 execution_arn=f"{aws_environment.EXECUTIONS}:{name}")  # fmt: skip
        if row:
            self.row(certificate_id, name, **more)
        return certificate_id

    def row(self, certificate_id: str, name: str, outcome: str = "admitted", **more: Any) -> None:
        self.put("ADMISSIONS_TABLE", certificate_id=certificate_id, ca_certificate_id="ca", device=name, outcome=outcome,
                 claimed_at=OLD, reopen_at=NEVER, execution_arn=f"{aws_environment.EXECUTIONS}:{name}", **more)  # fmt: skip

    def put(self, table: str, **item: Any) -> None:
        self.dynamodb.put_item(TableName=self.names[table], Item=to_item(item))

    def reconcile(self) -> dict[tuple[str, str], dict[str, Any]]:
        """One run of the schedule; returns what is found now, by kind and subject."""
        aws_environment.call(handler, {})
        return self.found()

    def found(self) -> dict[tuple[str, str], dict[str, Any]]:
        items = self.dynamodb.scan(TableName=self.names["FINDINGS_TABLE"])["Items"]
        plain = [to_plain(item) for item in items]
        return {(one["kind"], one["subject"]): one for one in plain if one["kind"] != "cursor"}

    def connects(self, certificate_id: str, at: Any) -> str:
        event = {"certificate_id": certificate_id, "at": round(at.timestamp() * 1000)}
        status: str = aws_environment.call(record_return, event)["status"]
        return status


@pytest.fixture
def fleet(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    patient = aws_environment.context()
    patient.get_remaining_time_in_millis = lambda: 290_000
    monkeypatch.setattr(aws_environment, "context", lambda: patient)
    fleet = Fleet(environment)

    def listed(**_: Any) -> Any:
        return SimpleNamespace(status_code=200), {"certificates": [{"certificateId": fleet.ca_id}]}

    # moto has no ListCACertificates; the local cloud has.
    with faults.hooked("before-call.iot.ListCACertificates", listed, ("iot",)):
        yield fleet


def metrics(text: str) -> dict[str, Any]:
    """What the run counted last, by name."""
    lines = [json.loads(line) for line in text.splitlines() if '"_aws"' in line]
    return {key: value[0] for key, value in lines[-1].items() if isinstance(value, list)}
