"""The activation itself: bind the device, create the thing, and set the certificate ACTIVE last."""

from datetime import datetime

from functions.admission.activate_certificate.still_allowed import ensure_still_allowed
from functions.shared import certificates, things
from functions.shared.admissions import Admission
from functions.shared.inventory import Inventory
from workflows.admission.contracts import ActivateInput, Activation, DeviceRecord
from workflows.admission.errors import ApprovalLapsed, CertificateChanged, CertificateUnknown


def activate(
    request: ActivateInput, record: DeviceRecord, admission: Admission, inventory: Inventory, at: datetime
) -> Activation:
    """Repeatable: an earlier try may have done any part. If the certificate must no longer become ACTIVE, nothing stays bound.

    Raises `ApprovalLapsed`, `CertificateChanged`, `CertificateUnknown`, `DeviceBoundElsewhere`, `ThingRefused`.
    """
    execution, certificate_id = request.execution, request.certificate.certificate_id
    certificate_arn = certificates.arn(execution.arn, "cert", certificate_id)
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
    return Activation(
        thing_name=record.device,
        thing_arn=certificates.arn(execution.arn, "thing", record.device),
        thing_type=record.thing_type,
        groups=record.groups,
        replaced_certificate_id=binding.previous_certificate_id,
        certificate_arn=certificate_arn,
        activated_at=at,
    )
