"""Bind device and certificate, make the thing, and only then set the certificate ACTIVE."""

from typing import Any

from msgspec import Struct

from functions.admission.activate_certificate.still_allowed import ensure_no_trial, ensure_still_allowed, ensure_turn
from functions.shared import certificates, clock, things
from functions.shared.admissions import Admissions
from functions.shared.inventory import Inventory
from functions.shared.observability import observed
from functions.shared.settings import settings
from workflows.admission import contracts
from workflows.admission.errors import ApprovalLapsed, CertificateChanged, CertificateUnknown
from workflows.admission.permission import record_of


class Settings(Struct, frozen=True, kw_only=True):
    admissions_table: str
    turns_table: str
    inventory_table: str


@observed
def handler(event: Any, context: Any) -> Any:  # noqa: ARG001
    """State *Activate certificate*. Input: ActivateInput; output: Activation. Repeatable after a crash anywhere in between.

    Raises AdmissionNotOwned; TurnLost (→ Take turn) and ApprovalLapsed, CertificateChanged, CertificateUnknown, DeviceBoundElsewhere
    (→ Hold), with nothing left bound; ThingRefused (→ Roll back); BadInput if nobody decided this.
    """
    request = contracts.read(contracts.ActivateInput, event)
    record, execution = record_of(request), request.execution
    certificate_id = request.certificate.certificate_id
    used, at = settings(Settings), clock.now()
    inventory = Inventory(used.inventory_table)

    admission = Admissions(used.admissions_table).retain(certificate_id, execution)
    ensure_no_trial(admission)
    certificate_arn = certificates.arn(execution.arn, "cert", certificate_id)
    ensure_turn(request, record, inventory, used.turns_table, at)
    try:
        ensure_still_allowed(request, record, admission, inventory, at)
        binding = inventory.bind(
            record.device, certificate_id, replacing=request.device.bound_certificate_id, execution=execution, at=at
        )
        things.make(record)
        things.join(record.device, record.groups)
        things.attach(record.device, certificate_arn)
        certificates.set_status(certificate_id, "ACTIVE")
    except (ApprovalLapsed, CertificateChanged, CertificateUnknown):
        inventory.unbind(record.device, certificate_id)  # what this or an earlier try bound
        raise
    return contracts.write(
        contracts.Activation(
            thing_name=record.device,
            thing_arn=certificates.arn(execution.arn, "thing", record.device),
            thing_type=record.thing_type,
            groups=record.groups,
            replaced_certificate_id=binding.previous_certificate_id,
            certificate_arn=certificate_arn,
            activated_at=at,
        )
    )
