"""Checks before the activation, since time may have passed after the inspection: people took days, or a redrive came late."""

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

    A repeat of an activation that was made in time continues, so that its result is not lost: the certificate is ACTIVE, and this same
    execution bound the device to it.
    """
    ensure_not_revoked(admission)
    until = lapses_at(request.approval, admission.inspected_at or admission.claimed_at)
    lapsed = at > until
    if request.approval is None and not lapsed:
        return  # inspected a moment ago: DescribeCertificate's quota allows one call for each admission
    status = certificates.status_of(request.certificate.certificate_id)
    if lapsed and not (status == "ACTIVE" and _bound_by_us(request, record, inventory)):
        raise ApprovalLapsed(
            f"The decision could be carried out until {until:%Y-%m-%d %H:%M:%S} UTC; it is {at:%Y-%m-%d %H:%M:%S}. "
            "The certificate stays as it is."
        )
    if status not in ("PENDING_ACTIVATION", "ACTIVE"):
        raise CertificateChanged(
            f"The certificate's status in AWS IoT is now {status}; expected PENDING_ACTIVATION. It was not changed."
        )


def ensure_no_trial(admission: Admission) -> None:
    """Raises `BadInput` for a trial's device. The row is checked in addition to the facts: a fault in one of them must not admit it."""
    if admission.trial:
        raise BadInput("Activation was asked for a device of a trial CA, which is never admitted; nothing was changed.")


def ensure_turn(request: ActivateInput, record: DeviceRecord, inventory: Inventory, table: str, at: datetime) -> None:
    """Use the turn, after people decided. Raises `TurnLost`. A repeat that has begun continues, so that its binding is not left over."""
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
