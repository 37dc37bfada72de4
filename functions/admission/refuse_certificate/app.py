"""Set a refused certificate to REVOKED or INACTIVE: it can no longer connect or knock."""

from typing import Literal

from msgspec import Struct

from functions.shared import certificates, clock
from functions.shared.admissions import Admissions
from functions.shared.handlers import step
from functions.shared.settings import settings
from workflows.admission.contracts import Refusal, RefuseInput
from workflows.admission.errors import CertificateUnknown


class Settings(Struct, frozen=True, kw_only=True):
    admissions_table: str


@step(RefuseInput)
def handler(request: RefuseInput) -> Refusal:
    """State *Refuse certificate*. Repeatable. Raises AdmissionNotOwned, AwsUnavailable.

    A certificate that AWS IoT no longer has counts as refused; the refusal's note says so.
    """
    Admissions(settings(Settings).admissions_table).retain(request.certificate_id, request.execution)
    status, note = _set_status(request)
    return Refusal(certificate_status=status, refused_at=clock.now(), note=note)


def _set_status(request: RefuseInput) -> tuple[Literal["REVOKED", "INACTIVE"], str]:
    """Returns the certificate's status, and what was unusual about it."""
    status: Literal["REVOKED", "INACTIVE"] = "REVOKED" if request.cause == "revoked" else "INACTIVE"
    try:
        # A person's decision can take days. If somebody revoked the certificate meanwhile, it must not become INACTIVE, which can be
        # set ACTIVE again.
        if request.cause == "person" and certificates.status_of(request.certificate_id) == "REVOKED":
            return "REVOKED", "Somebody else had revoked it already."
        certificates.set_status(request.certificate_id, status)
    except CertificateUnknown:
        return status, "The certificate is not in AWS IoT any more; there was nothing to set."
    return status, ""
