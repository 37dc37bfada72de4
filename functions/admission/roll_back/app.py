"""Undo what an admission did, if AWS will never let it finish."""

from msgspec import Struct

from functions.shared import certificates, policies, things
from functions.shared.admissions import Admissions
from functions.shared.handlers import step
from functions.shared.inventory import Inventory
from functions.shared.settings import settings
from workflows.admission.contracts import DeviceDecision, RollBack, RollBackInput
from workflows.admission.errors import CertificateUnknown


class Settings(Struct, frozen=True, kw_only=True):
    admissions_table: str
    inventory_table: str


@step(RollBackInput)
def handler(request: RollBackInput) -> RollBack:
    """State *Roll back*. Repeatable: each part first reads what exists.

    The certificate is deactivated first, so that it can no longer connect even if a later part fails.
    Raises AdmissionNotOwned, AwsUnavailable.
    """
    environment, device, certificate_id = settings(Settings), request.device, request.certificate_id
    Admissions(environment.admissions_table).retain(certificate_id, request.execution)
    certificate_arn = certificates.arn(request.execution.arn, "cert", certificate_id)
    status, undone = _undo_in_iot(device, certificate_id, certificate_arn)
    if device.record and (
        released := Inventory(environment.inventory_table).unbind(device.record.device, certificate_id)
    ):
        undone.append(released)
    return RollBack(undone=tuple(undone), certificate_status=status)


def _undo_in_iot(device: DeviceDecision, certificate_id: str, certificate_arn: str) -> tuple[str, list[str]]:
    """Returns the certificate's status, and what was undone."""
    undone: list[str] = []
    try:
        status = certificates.status_of(certificate_id)
        if status not in ("INACTIVE", "REVOKED"):
            certificates.set_status(certificate_id, "INACTIVE")
            undone.append(f"set the certificate from {status} to INACTIVE")
            status = "INACTIVE"
        if device.policy_name and policies.detach(device.policy_name, certificate_arn):
            undone.append(f"detached the policy {device.policy_name}")
        if device.record and things.detach(device.record.device, certificate_arn):
            undone.append(f"detached the certificate from {device.record.device}")
    except CertificateUnknown:
        status = "not in AWS IoT any more"
    return status, undone
