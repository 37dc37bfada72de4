"""Read the certificate from AWS IoT, once in an admission, and check it against the operator's limits."""

from msgspec import Struct

from functions.admission.inspect_certificate import registered
from functions.admission.inspect_certificate.columns import columns
from functions.admission.inspect_certificate.turn import ensure_turn
from functions.shared import clock
from functions.shared.admissions import Admissions
from functions.shared.handlers import step
from functions.shared.settings import limits, settings
from workflows.admission.certificate import inspect
from workflows.admission.contracts import InspectInput, Inspection


class Settings(Struct, frozen=True, kw_only=True):
    admissions_table: str
    turns_table: str
    crl_bucket: str


@step(InspectInput)
def handler(request: InspectInput) -> Inspection:
    """State *Inspect certificate*. The facts are stored in the admission's row.

    Raises CertificateUnknown (→ Hold) for a certificate or a CA that AWS IoT does not know, IssuerMismatch (→ Hold) for a CA's file with
    another CA's certificate and for a trial note that does not prove that the CA is a trial's, TurnLost (→ Claim admission),
    AdmissionNotOwned, AwsUnavailable.
    """
    environment, at = settings(Settings), clock.now()
    admissions = Admissions(environment.admissions_table)
    ensure_turn(request, admissions, environment.turns_table, at)
    certificate = registered.find(request, admissions, environment.crl_bucket)
    inspection = inspect(
        certificate.pem,
        certificate_id=request.certificate_id,
        ca_certificate_id=request.ca_certificate_id,
        iot_status=certificate.iot_status,
        issuer=certificate.issuer,
        limits=limits().certificate,
        at=at,
        registered_under=certificate.registered_under,
        trial=certificate.trial,
    )
    admissions.note(request.certificate_id, request.execution, inspected_at=at, **columns(inspection.facts))
    return inspection
