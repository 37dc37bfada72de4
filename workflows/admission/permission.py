"""Whether an activation may be carried out. It is checked again at the activation, whatever the state machine has checked before.

No certificate becomes ACTIVE without what its rule asks for. A mistake in the machine, or an execution redriven days later, must not
be enough to break this promise.
"""

from datetime import datetime, timedelta

from workflows.admission.contracts import ActivateInput, Decision, DeviceRecord, Ruling
from workflows.admission.errors import ApprovalLapsed
from workflows.approval import quorum
from workflows.errors import BadInput

FRESH_FOR = timedelta(hours=1)
"""How long the results of inspection, list and inventory count without people. The activation follows within seconds, unless the
execution failed in between and was redriven."""


def record_of(request: ActivateInput) -> DeviceRecord:
    """The record by which to admit the device. Raises `BadInput` without a decision for it, `ApprovalLapsed` if it is for other facts."""
    device, record = request.device, request.device.record
    if request.certificate.trial:
        raise BadInput("Activation was asked for a device of a trial CA, which is never admitted; nothing was changed.")
    if record is None or record.effect != "allow" or device.ruling is None:
        raise BadInput("Activation was asked for a device that the inventory does not expect; nothing was changed.")
    if device.action == "auto" and request.approval is None:
        return record
    if device.action == "people" and request.approval is not None:
        _check(request, request.approval, device.ruling)
        return record
    raise BadInput(
        f"Activation was asked with the action {device.action!r} and {'an' if request.approval else 'no'} approval; "
        "expected auto without, or people with one. Nothing was changed."
    )


def lapses_at(approval: Decision | None, inspected_at: datetime) -> datetime:
    """The moment after which the activation may no longer be carried out."""
    if approval is None:
        return inspected_at + FRESH_FOR
    if approval.execute_by is None:
        raise ApprovalLapsed(f"Approval {approval.approval_id} has no time until which it may be carried out.")
    return approval.execute_by


def _check(request: ActivateInput, approval: Decision, ruling: Ruling) -> None:
    if approval.status != "approved":
        raise BadInput(f"Activation was asked with a decision that is {approval.status}; expected approved.")
    if approval.basis_sha256 != request.device.basis_sha256:
        raise ApprovalLapsed(
            f"Approval {approval.approval_id} was given for other facts than these "
            f"({approval.basis_sha256}, not {request.device.basis_sha256})."
        )
    for vote in approval.votes:
        if vote.certificate_id != request.certificate.certificate_id or vote.basis_sha256 != approval.basis_sha256:
            raise ApprovalLapsed(
                f"A vote in approval {approval.approval_id} was cast on another certificate or other facts."
            )
    agreed = [vote for vote in approval.votes if vote.decision == "approve"]
    if len(agreed) != len(approval.votes) or not quorum.is_met(ruling, agreed, requested_at=approval.requested_at):
        raise ApprovalLapsed(
            f"The votes in approval {approval.approval_id} are not those that rule {ruling.rule_id} asks for."
        )
