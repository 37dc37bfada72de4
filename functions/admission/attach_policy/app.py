"""Give the device the rights that its profile names, and no others."""

from msgspec import Struct

from functions.shared import clock, policies
from functions.shared.admissions import Admissions, ensure_not_revoked
from functions.shared.handlers import step
from functions.shared.settings import policy, settings
from workflows.admission.contracts import AttachPolicyInput, PolicyAttachment
from workflows.admission.errors import PolicyRefused


class Settings(Struct, frozen=True, kw_only=True):
    admissions_table: str


@step(AttachPolicyInput)
def handler(request: AttachPolicyInput) -> PolicyAttachment:
    """State *Attach policy*. Repeatable.

    Raises AdmissionNotOwned; PolicyRefused, CertificateUnknown, CertificateChanged (→ Roll back). Checks again, since a redrive comes late.
    """
    record, decided = request.device.record, request.device.policy_name
    profile = policy(record.policy_profile) if record is not None else None
    if profile is None or profile.name != decided:
        raise PolicyRefused(
            f"The decision was for policy {decided}; this version of Gatehouse has {profile.name if profile else 'no such profile'}. "
            "The profile was changed while the admission ran. The next admission decides on the new policy."
        )
    admissions = Admissions(settings(Settings).admissions_table)
    ensure_not_revoked(admissions.await_return(request.certificate_id, request.execution, clock.now()))
    created = policies.ensure(profile)
    policies.attach(profile.name, request.certificate_arn)
    return PolicyAttachment(
        policy_name=profile.name, document_sha256=profile.sha256, document=profile.document, created=created
    )
