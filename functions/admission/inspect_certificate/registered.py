"""The certificate as AWS IoT has it, with its CA. No later step of an admission reads it again."""

from cryptography import x509
from msgspec import Struct

from functions.shared import issuers, trials
from functions.shared.admissions import Admissions
from functions.shared.aws import client, translated
from workflows.admission.contracts import InspectInput
from workflows.admission.errors import CertificateUnknown
from workflows.admission.trial import TrialInvalid


class Registered(Struct, frozen=True, kw_only=True):
    """`registered_under` is the CA that AWS IoT names for the certificate, if any. `trial`: a note proves that it is a trial's."""

    pem: str
    iot_status: str
    registered_under: str | None
    issuer: x509.Certificate
    trial: bool


def find(request: InspectInput, admissions: Admissions, bucket: str) -> Registered:
    """Uses one DescribeCertificate. A trial's admission is marked before anything can fail, so that the record of a failure has the mark.

    Raises `CertificateUnknown` for a certificate or a CA that AWS IoT does not know, `IssuerMismatch` for a CA's file with another CA's
    certificate and for a trial note that does not prove that the CA is a trial's, `AdmissionNotOwned`, `AwsUnavailable`.
    """
    trial, unproven = False, None
    try:
        trial = trials.noted(bucket, request.ca_certificate_id, request.certificate_id)
    except TrialInvalid as error:
        unproven = error
    if trial:
        admissions.note(request.certificate_id, request.execution, trial=True)
    with translated(ResourceNotFoundException=CertificateUnknown):
        description = client("iot").describe_certificate(certificateId=request.certificate_id)["certificateDescription"]
    issuer = issuers.load(bucket, request.ca_certificate_id)
    if unproven is not None:
        issuers.ensure_trial(request.ca_certificate_id, issuer, unproven)
    return Registered(
        pem=description["certificatePem"],
        iot_status=description["status"],
        registered_under=description.get("caCertificateId"),
        issuer=issuer,
        trial=trial,
    )
