"""Time may have passed since the certificate was looked at: days with people, or until a redrive."""

from datetime import datetime

from functions.shared import certificates
from functions.shared.admissions import Admission, ensure_not_revoked
from functions.shared.inventory import Inventory
from functions.shared.settings import limits
from functions.shared.turns import Turns
from workflows.admission.contracts import ActivateInput, DeviceRecord
from workflows.admission.errors import ApprovalLapsed, CertificateChanged, TurnLost
from workflows.admission.permission import lapses_at
from workflows.errors import BadInput


def ensure_still_allowed(
    request: ActivateInput, record: DeviceRecord, admission: Admission, inventory: Inventory, at: datetime
) -> None:
    """Raises `ApprovalLapsed` if it is too late, and `CertificateChanged` if a new list or somebody else changed it meanwhile.

    A repeat of an activation that was made in time goes on, so that its result is not lost: the certificate is ACTIVE, and the device
    bound to it by this very execution.
    """
    ensure_not_revoked(admission)
    until = lapses_at(request.approval, admission.inspected_at or admission.claimed_at)
    lapsed = at > until
    if request.approval is None and not lapsed:
        return  # looked at a moment ago: DescribeCertificate's quota allows one call an admission
    status = certificates.status_of(request.certificate.certificate_id)
    if lapsed and not (status == "ACTIVE" and _bound_by_us(request, record, inventory)):
        raise ApprovalLapsed(
            f"What was decided could be carried out until {until:%Y-%m-%d %H:%M:%S} UTC; it is {at:%Y-%m-%d %H:%M:%S}. "
            "The certificate stays as it is."
        )
    if status not in ("PENDING_ACTIVATION", "ACTIVE"):
        raise CertificateChanged(
            f"AWS IoT has the certificate as {status} by now; expected PENDING_ACTIVATION. It stays so."
        )


def ensure_no_trial(admission: Admission) -> None:
    """Raises `BadInput`. Asked of the row beside the facts: neither alone is enough to admit a trial's device."""
    if admission.trial:
        raise BadInput("Activation was asked for a device of a trial CA, which is never admitted; nothing was changed.")


def ensure_turn(request: ActivateInput, record: DeviceRecord, inventory: Inventory, table: str, at: datetime) -> None:
    """After people: is it this admission's turn? Raises `TurnLost`. A repeat that has begun goes on: what it bound must not stay behind."""
    try:
        Turns(table, limits().pacing).ensure("carry_out", request.turn_at, at)
    except TurnLost:
        if not _bound_by_us(request, record, inventory):
            raise


def _bound_by_us(request: ActivateInput, record: DeviceRecord, inventory: Inventory) -> bool:
    binding = inventory.binding(record.device)
    return (
        binding is not None
        and binding.bound_certificate_id == request.certificate.certificate_id
        and binding.execution_arn == request.execution.arn
    )
