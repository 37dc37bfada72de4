"""The registered CAs' certificates. AWS IoT is asked once for each CA: DescribeCACertificate has the same small quota as

DescribeCertificate. ``gatehouse ca register`` puts them into the bucket; for a CA that was registered in another way, the first admission
does. The bucket's copy is not trusted: its id must prove it, or it is compared with AWS IoT's own (`workflows.admission.issuers`).
"""

from functools import lru_cache

from cryptography import x509

from functions.shared import objects
from functions.shared.aws import client, translated
from functions.shared.observability import count, logger
from workflows.admission import issuers, other_cas
from workflows.admission.errors import CertificateUnknown, IssuerMismatch
from workflows.admission.issuers import key_of
from workflows.admission.trial import TrialInvalid, is_trial
from workflows.admission.trial import key_of as trial_note
from workflows.errors import AccessRefused, AwsUnavailable


@lru_cache(maxsize=32)
def load(bucket: str, ca_certificate_id: str) -> x509.Certificate:
    """Returns the certificate of the CA that AWS IoT has under this id. It never changes, so it is cached while the Lambda is warm.

    Raises `CertificateUnknown` if AWS IoT does not know the CA (any more) and the bucket has no copy, `IssuerMismatch` if the bucket has
    the certificate of another CA, `AwsUnavailable`, `AccessRefused`.
    """
    key = key_of(ca_certificate_id)
    data = objects.read_part(bucket, key, 0, issuers.MAX_OCTETS + 1)
    stored = issuers.read(data)
    if stored is not None and issuers.proves_itself(stored, ca_certificate_id):
        return stored
    try:
        registered, pem = _registered(ca_certificate_id)
    except CertificateUnknown:
        if stored is None:
            raise
        raise _alarm(ca_certificate_id, stored, None) from None
    if stored is not None and stored != registered:
        raise _alarm(ca_certificate_id, stored, registered)
    if stored is None:
        if data:
            logger.warning("%s in the bucket is not a certificate; replacing it with AWS IoT's", key)
        objects.write(bucket, key, pem, "application/x-pem-file")
    return registered


def load_to_revoke(bucket: str, ca_certificate_id: str) -> x509.Certificate:
    """The same as `load`, for functions that revoke devices or only refuse. A wrong file holds admissions, but it must not stop revocation.

    Raises `IssuerMismatch` only if AWS IoT does not know the CA any more, so that it is unknown which certificate is right.
    """
    try:
        return load(bucket, ca_certificate_id)
    except IssuerMismatch as error:
        if error.registered is None:
            raise
        return error.registered


def has_others(bucket: str, ca_certificate_id: str, key: str) -> bool:
    """Returns whether the bucket has the certificate of a CA with another key than `key` (`workflows.admission.other_cas.has_others`).

    A note below ``trials/`` changes nothing, since it proves nothing about the CA that it names. Raises `AwsUnavailable`, `AccessRefused`.
    """
    stored = [name.removeprefix("issuers/").removesuffix(".pem") for name in objects.keys(bucket, "issuers/")]
    return other_cas.has_others(stored, ca_certificate_id, key, lambda other: _load_or_none(bucket, other))


def ensure_trial(ca_certificate_id: str, issuer: x509.Certificate, note: TrialInvalid) -> None:
    """For a CA whose trial note proves nothing. Raises `IssuerMismatch`, with the alarm, unless its certificate has the mark of a trial."""
    if is_trial(issuer):
        return
    key = trial_note(ca_certificate_id)
    count("IssuerMismatch")
    raise IssuerMismatch(
        f"{key} in the bucket of lists says that the CA is a trial CA, but it is not. Its devices are held. {str(note).rstrip('.')}. "
        f"Find out who wrote it, and delete it (aws s3 rm s3://CRL_BUCKET/{key}). The device is inspected again when it is reopened.",
        issuer,
    )


def _load_or_none(bucket: str, ca_certificate_id: str) -> x509.Certificate | None:
    try:
        return load(bucket, ca_certificate_id)
    except (IssuerMismatch, CertificateUnknown, AccessRefused, AwsUnavailable) as error:
        logger.warning("%s: %s", type(error).__name__, error)
        return None


def _registered(ca_certificate_id: str) -> tuple[x509.Certificate, bytes]:
    with translated(ResourceNotFoundException=CertificateUnknown, InvalidRequestException=CertificateUnknown):
        description = client("iot").describe_ca_certificate(certificateId=ca_certificate_id)["certificateDescription"]
    pem: bytes = description["certificatePem"].encode("ascii")
    return x509.load_pem_x509_certificate(pem), pem


def _alarm(ca_certificate_id: str, stored: x509.Certificate, registered: x509.Certificate | None) -> IssuerMismatch:
    count("IssuerMismatch")
    return IssuerMismatch(issuers.mismatch(ca_certificate_id, stored, registered), registered)
