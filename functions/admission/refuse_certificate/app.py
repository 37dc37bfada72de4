"""Set a refused certificate REVOKED or INACTIVE: it can connect no more, and knocks no more."""

from typing import Any, Literal

from msgspec import Struct

from functions.shared import certificates, clock
from functions.shared.admissions import Admissions
from functions.shared.observability import observed
from functions.shared.settings import settings
from workflows.admission import contracts
from workflows.admission.errors import CertificateUnknown


class Settings(Struct, frozen=True, kw_only=True):
    admissions_table: str


@observed
def handler(event: Any, context: Any) -> Any:  # noqa: ARG001
    """State *Refuse certificate*. Input: RefuseInput; output: Refusal. Repeatable. Raises AdmissionNotOwned, AwsUnavailable.

    A certificate that is gone from AWS IoT is as good as refused: the refusal says so.
    """
    request = contracts.read(contracts.RefuseInput, event)
    Admissions(settings(Settings).admissions_table).retain(request.certificate_id, request.execution)
    status: Literal["REVOKED", "INACTIVE"] = "REVOKED" if request.cause == "revoked" else "INACTIVE"
    note = ""
    try:
        # A person took days: what somebody revoked meanwhile must not become merely INACTIVE, which can be set ACTIVE again.
        if request.cause == "person" and certificates.status_of(request.certificate_id) == "REVOKED":
            status, note = "REVOKED", "Somebody else had revoked it already."
        else:
            certificates.set_status(request.certificate_id, status)
    except CertificateUnknown:
        note = "The certificate is not in AWS IoT any more; there was nothing to set."
    return contracts.write(contracts.Refusal(certificate_status=status, refused_at=clock.now(), note=note))
