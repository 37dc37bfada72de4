"""Read the certificate from AWS IoT, the only time, and hold it to the operator's limits."""

from typing import Any

from msgspec import Struct

from functions.admission.inspect_certificate.turn import ensure_turn
from functions.shared import clock, issuers, trials
from functions.shared.admissions import Admissions
from functions.shared.aws import client, translated
from functions.shared.observability import observed
from functions.shared.settings import limits, settings
from workflows.admission import contracts
from workflows.admission.certificate import inspect
from workflows.admission.errors import CertificateUnknown
from workflows.admission.trial import TrialInvalid


class Settings(Struct, frozen=True, kw_only=True):
    admissions_table: str
    turns_table: str
    crl_bucket: str


@observed
def handler(event: Any, context: Any) -> Any:  # noqa: ARG001
    """State *Inspect certificate*. Input: InspectInput; output: Inspection. The facts are noted beside the admission.

    Raises CertificateUnknown (→ Hold) for a certificate or a CA that AWS IoT does not know, IssuerMismatch (→ Hold) for a CA's file that
    is another's and for a note that makes the CA a trial's and does not prove it, TurnLost (→ Claim admission),
    AdmissionNotOwned, AwsUnavailable.
    """
    request = contracts.read(contracts.InspectInput, event)
    configured, at = settings(Settings), clock.now()
    admissions = Admissions(configured.admissions_table)
    ensure_turn(request, admissions, configured.turns_table, at)
    trial, unproven = False, None
    try:
        trial = trials.noted(configured.crl_bucket, request.ca_certificate_id, request.certificate_id)
    except TrialInvalid as error:
        unproven = error
    if trial:  # before anything can fail, so that the record of a failure is marked as well
        admissions.note(request.certificate_id, request.execution, trial=True)
    with translated(ResourceNotFoundException=CertificateUnknown):
        answer = client("iot").describe_certificate(certificateId=request.certificate_id)
    found, issuer = answer["certificateDescription"], issuers.load(configured.crl_bucket, request.ca_certificate_id)
    if unproven is not None:
        issuers.ensure_trial(request.ca_certificate_id, issuer, unproven)
    inspection = inspect(
        found["certificatePem"],
        certificate_id=request.certificate_id,
        ca_certificate_id=request.ca_certificate_id,
        iot_status=found["status"],
        issuer=issuer,
        limits=limits().certificate,
        at=at,
        registered_under=found.get("caCertificateId"),
        trial=trial,
    )
    facts = inspection.facts
    learned = (
        {}
        if facts is None
        else {
            "subject": facts.subject,
            "common_name": facts.common_name,
            "issuer_key": facts.issuer_key,
            "serial": facts.serial,
            "not_after": facts.not_after,
            "expires_in": None if facts.trial else f"{facts.not_after:%Y-%m}",  # nobody renews a trial's
            "trial": facts.trial or None,
        }
    )
    admissions.note(request.certificate_id, request.execution, inspected_at=at, **learned)
    return contracts.write(inspection)
