"""Remove what a trial has created. Each step may find that it was done before.

Nothing else can be removed: the note proves CA and device by their signatures, and AWS IoT must have that CA under the id.
"""

from contextlib import suppress

from cryptography import x509

from functions.shared import objects
from functions.shared.aws import client, translated
from workflows.admission.facts import issuer_key
from workflows.admission.trial import Trial, TrialInvalid
from workflows.errors import MayWorkLater
from workflows.revocation import current_lists


class TrialNotRemoved(MayWorkLater):
    """AWS IoT refuses to delete its CA or its certificate: the certificate is ACTIVE, or has a thing or policy. Find out who did that."""


def remove(trial: Trial, bucket: str) -> None:
    """Delete the CA, its device's certificate and its list. The CA is made INACTIVE first, so that no certificate is registered meanwhile.

    A certificate is deleted unless it is ACTIVE or has a thing or policy, a CA only while it is INACTIVE:
    https://docs.aws.amazon.com/iot/latest/apireference/API_DeleteCertificate.html
    https://docs.aws.amazon.com/iot/latest/apireference/API_DeleteCACertificate.html

    Raises `TrialInvalid`, `TrialNotRemoved`, `AwsUnavailable`, `AccessRefused`.
    """
    ca_id, known = trial.ca_certificate_id, _known(trial)
    if known:
        _iot("update_ca_certificate", certificateId=ca_id, newStatus="INACTIVE", newAutoRegistrationStatus="DISABLE")
    _iot("delete_certificate", certificateId=trial.certificate_id)
    if known:
        _iot("delete_ca_certificate", certificateId=ca_id)
    key = issuer_key(trial.ca)
    for name in [current_lists.key_of(key), *objects.keys(bucket, f"lists/{key}/"), f"issuers/{ca_id}.pem"]:
        objects.delete(bucket, name)


def _known(trial: Trial) -> bool:
    """Returns whether AWS IoT has the CA."""
    try:
        with translated():
            answer = client("iot").describe_ca_certificate(certificateId=trial.ca_certificate_id)
    except client("iot").exceptions.ResourceNotFoundException:
        return False
    pem: str = answer["certificateDescription"]["certificatePem"]
    if x509.load_pem_x509_certificate(pem.encode()) != trial.ca:
        raise TrialInvalid(
            f"AWS IoT has another CA under {trial.ca_certificate_id} than the note of the trial; nothing was removed."
        )
    return True


def _iot(operation: str, **request: str) -> None:
    with (
        suppress(client("iot").exceptions.ResourceNotFoundException),
        translated(CertificateStateException=TrialNotRemoved, DeleteConflictException=TrialNotRemoved),
    ):
        getattr(client("iot"), operation)(**request)
