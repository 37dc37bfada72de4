"""A fleet before the gate: one CA with its list, an inventory, and the machine that lets devices in."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from tests import aws_environment, pki
from tests.machine import harness
from workflows.admission.contracts import DeviceRecord
from workflows.dynamodb_items import to_item, to_plain


class Fleet:
    """What the operator set up, and what the devices do."""

    def __init__(self, machine: harness.Machine, names: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.machine = machine
        self.ca = pki.authority()
        self.ca_id = aws_environment.certificate_id(self.ca.certificate)
        self._names = names
        self._monkeypatch = monkeypatch
        self.client("s3").put_object(
            Bucket=names["CRL_BUCKET"], Key=f"issuers/{self.ca_id}.pem", Body=self.ca.pem.encode()
        )
        self.publish_list(number=1)

    def client(self, service: str) -> Any:
        return aws_environment.client(service)

    def at(self, moment: datetime) -> None:
        """Move the clock that functions are told."""
        aws_environment.set_clock(self._monkeypatch, moment)

    def publish_list(self, *revoked: x509.Certificate, number: int) -> None:
        """Publish a list that revokes these certificates."""
        der = pki.revocation_list(self.ca, [certificate.serial_number for certificate in revoked], number=number)
        assert aws_environment.publish_crl(der, self.ca_id)["status"] == "accepted"

    def withdraw_lists(self) -> None:
        bucket = self._names["CRL_BUCKET"]
        for item in self.client("s3").list_objects_v2(Bucket=bucket, Prefix="current/").get("Contents", []):
            self.client("s3").delete_object(Bucket=bucket, Key=item["Key"])

    def expect(self, device: str, **unusual: Any) -> None:
        """Enter a device into the inventory, by name unless the key is given."""
        entered: dict[str, Any] = {"entered_by": "mallory@example.com", "entered_at": pki.NOW - pki.DAY, **unusual}
        record = DeviceRecord(**({"lookup_key": f"name#{device}", "device": device} | entered))
        self.client("dynamodb").put_item(TableName=self._names["INVENTORY_TABLE"], Item=to_item(record))

    def device(self, name: str, label: str = "", **unusual: Any) -> x509.Certificate:
        """A certificate of our CA for `name`."""
        return pki.device(self.ca, name, private_key=pki.key(label or name), **unusual)

    def registers(self, certificate: x509.Certificate) -> dict[str, Any]:
        """The device connects for the first time: AWS IoT keeps its certificate as pending and publishes this event."""
        aws_environment.register_device(certificate, self.ca)
        return self.event(certificate)

    def event(self, certificate: x509.Certificate) -> dict[str, Any]:
        return aws_environment.registration_event(aws_environment.certificate_id(certificate), self.ca_id)

    def knocks(self, certificate: x509.Certificate) -> harness.Run:
        """The device connects for the first time, and its execution ends."""
        return self.machine.run(self.registers(certificate))

    def status(self, certificate: x509.Certificate) -> str:
        """The certificate's status in AWS IoT."""
        described = self.client("iot").describe_certificate(certificateId=aws_environment.certificate_id(certificate))
        return str(described["certificateDescription"]["status"])

    def admission(self, certificate: x509.Certificate) -> dict[str, Any]:
        """The row of the admissions table."""
        key = {"certificate_id": {"S": aws_environment.certificate_id(certificate)}}
        return to_plain(self.client("dynamodb").get_item(TableName=self._names["ADMISSIONS_TABLE"], Key=key)["Item"])

    def policies(self, certificate: x509.Certificate) -> list[str]:
        """Names of the policies attached to the certificate."""
        arn = self.client("iot").describe_certificate(certificateId=aws_environment.certificate_id(certificate))[
            "certificateDescription"
        ]["certificateArn"]
        return [policy["policyName"] for policy in self.client("iot").list_attached_policies(target=arn)["policies"]]

    def records(self) -> list[str]:
        """Keys of the sealed records."""
        listed = self.client("s3").list_objects_v2(Bucket=self._names["EVIDENCE_BUCKET"], Prefix="records/")
        return [item["Key"] for item in listed.get("Contents", [])]

    def later(self, **by: float) -> None:
        """Time passes for the functions."""
        self.at(pki.NOW + timedelta(**by))


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    aws_environment.set_clock(monkeypatch, pki.NOW)
    with aws_environment.running(monkeypatch, harness.MOTO) as names, harness.deployed(monkeypatch) as machine:
        yield Fleet(machine, names, monkeypatch)


@pytest.fixture
def inbox(fleet: Fleet) -> aws_environment.Inbox:
    return aws_environment.listen()
