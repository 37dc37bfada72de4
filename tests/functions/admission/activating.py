"""A certificate that is ready to be activated, for tests."""

from typing import Any

import msgspec

from functions.admission.activate_certificate.app import handler
from tests import pki
from tests.functions.admission.conftest import Case, Gate
from tests.unit.admission.examples import ruling
from workflows.admission import contracts
from workflows.admission.contracts import Activation, Decision, DeviceDecision
from workflows.approval.signature import SignedVote


class Prepared(Case):
    """Inspected and looked up: what is left is to activate."""

    def __init__(self, gate: Gate, common_name: str = "pump-0042", **of_record: Any) -> None:
        super().__init__(gate, common_name, **of_record)
        self.facts = self.inspected()
        self.device = self.looked_up()

    def activate(self, approval: Decision | None = None, device: DeviceDecision | None = None) -> Activation:
        answer = self.step(
            handler,
            certificate=contracts.write(self.facts),
            device=contracts.write(device or self.device),
            approval=contracts.write(approval),
        )
        return msgspec.convert(answer, Activation)

    def by_people(self) -> DeviceDecision:
        return msgspec.structs.replace(self.device, action="people", ruling=ruling())

    def approval(self, **unusual: Any) -> Decision:
        def vote(subject: str, group: str) -> SignedVote:
            return SignedVote(
                subject=subject,
                name=subject,
                groups=(group,),
                decision="approve",
                meaning="approval",
                reason="",
                basis_sha256=self.device.basis_sha256,
                certificate_id=self.certificate_id,
                voted_at=pki.NOW,
            )

        usual = Decision(
            status="approved",
            approval_id="a1",
            reason="",
            basis_sha256=self.device.basis_sha256,
            requested_at=pki.NOW,
            decide_by=pki.NOW + pki.HOUR,
            execute_by=pki.NOW + pki.HOUR,
            votes=(vote("quentin", "quality"), vote("sofia", "security")),
        )
        return msgspec.structs.replace(usual, **unusual)

    def attached(self) -> list[str]:
        names: list[str] = self.gate.iot.list_principal_things(principal=self.arn)["things"]
        return names

    def nothing_happened(self) -> bool:
        return (
            self.gate.status(self.certificate_id) == "PENDING_ACTIVATION"
            and not self.gate.binding("pump-0042")
            and not self.attached()
        )
