"""A registered CA, a pending device that the inventory expects, and an execution that has claimed it."""

from typing import Any

import msgspec
import pytest
from cryptography import x509

from functions.admission.claim_admission.app import handler as claim
from tests import aws_environment, pki
from workflows.admission import contracts
from workflows.admission.contracts import CertificateFacts, DeviceDecision, DeviceRecord
from workflows.dynamodb_items import to_item, to_plain


class Gate:
    """What stands before the gate, and the shortest way to each step's input."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names
        self.ca = pki.authority()
        self.ca_id = aws_environment.register_ca(self.ca)
        self.iot: Any = aws_environment.client("iot")
        self.dynamodb: Any = aws_environment.client("dynamodb")
        self.s3: Any = aws_environment.client("s3")

    def knock(self, certificate: x509.Certificate, status: str = "PENDING_ACTIVATION") -> dict[str, Any]:
        """Register the device's certificate; returns the event."""
        return aws_environment.register_device(certificate, self.ca, status)

    def claimed(self, event: dict[str, Any], name: str = "run-1") -> dict[str, str]:
        """Claim for the execution `name`, which is answered."""
        execution = aws_environment.execution(name)
        aws_environment.call(claim, {"event": event, "execution": execution})
        return execution

    def expect(self, record: DeviceRecord) -> None:
        self.dynamodb.put_item(TableName=self.names["INVENTORY_TABLE"], Item=to_item(record))

    def row(self, table: str, key: str, value: str) -> dict[str, Any]:
        """An item as it is now; empty if there is none."""
        found = self.dynamodb.get_item(TableName=self.names[table], Key={key: {"S": value}}, ConsistentRead=True)
        return to_plain(found.get("Item", {}))

    def admission(self, certificate_id: str) -> dict[str, Any]:
        return self.row("ADMISSIONS_TABLE", "certificate_id", certificate_id)

    def binding(self, device: str) -> dict[str, Any]:
        return self.row("INVENTORY_TABLE", "lookup_key", f"device#{device}")

    def status(self, certificate_id: str) -> str:
        found = self.iot.describe_certificate(certificateId=certificate_id)
        status: str = found["certificateDescription"]["status"]
        return status


@pytest.fixture
def gate(environment: dict[str, str]) -> Gate:
    return Gate(environment)


class Case:
    """One device on its way: registered, claimed, inspected in principle, expected by the inventory."""

    def __init__(self, gate: Gate, common_name: str = "pump-0042", **of_record: Any) -> None:
        self.gate = gate
        self.certificate = pki.device(gate.ca, common_name)
        self.certificate_id = aws_environment.certificate_id(self.certificate)
        self.arn = f"arn:aws:iot:{aws_environment.REGION}:{aws_environment.ACCOUNT}:cert/{self.certificate_id}"
        self.event = gate.knock(self.certificate)
        self.execution = gate.claimed(self.event)
        self.record = DeviceRecord(
            **{
                "lookup_key": f"certificate#{self.certificate_id}",
                "device": "pump-0042",
                "entered_by": "ida",
                "entered_at": pki.NOW,
                "thing_type": "infusion-pump",
                "groups": ("plant-b", "pumps"),
                "attributes": {"line": "7"},
                **of_record,
            }
        )
        gate.expect(self.record)

    def step(self, handler: Any, **part: Any) -> Any:
        """Call a step as the state machine does."""
        return aws_environment.call(handler, {"execution": self.execution, **part})

    def inspected(self) -> CertificateFacts:
        from functions.admission.inspect_certificate.app import handler

        answer = self.step(handler, certificate_id=self.certificate_id, ca_certificate_id=self.gate.ca_id)
        facts = msgspec.convert(answer, contracts.Inspection).facts
        assert facts is not None
        return facts

    def looked_up(self) -> DeviceDecision:
        from functions.admission.look_up_device.app import handler

        return msgspec.convert(self.step(handler, certificate=contracts.write(self.inspected())), DeviceDecision)


@pytest.fixture
def case(gate: Gate) -> Case:
    return Case(gate)
