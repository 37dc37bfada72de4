"""Check the certificate against its issuer's revocation lists."""

from datetime import timedelta

from cryptography import x509
from msgspec import Struct

from functions.shared import clock, issuers
from functions.shared.crl_store import CrlStore
from functions.shared.handlers import step
from functions.shared.observability import count
from functions.shared.settings import limits, settings
from workflows import revocation
from workflows.admission.contracts import CertificateFacts, CheckCrlInput
from workflows.admission.errors import IssuerMismatch
from workflows.revocation import Verdict


class Settings(Struct, frozen=True, kw_only=True):
    crl_bucket: str


@step(CheckCrlInput)
def handler(request: CheckCrlInput) -> Verdict:
    """States *Check CRL* and *Check CRL again*.

    Raises CrlStoreUnavailable (retryable): lists that cannot be read give no verdict, and never "good".
    """
    bucket = settings(Settings).crl_bucket
    issuer = _issuer(bucket, request.certificate.ca_certificate_id)
    if isinstance(issuer, IssuerMismatch):
        return Verdict(status="unknown", reason=str(issuer), at=clock.now())
    verdict = _verdict(request.certificate, issuer, bucket)
    count("RevocationChecked", status=verdict.status)
    return verdict


def _issuer(bucket: str, ca_certificate_id: str) -> x509.Certificate | IssuerMismatch:
    """Returns a mismatch instead of raising it. It is new: the CA's file was right when the certificate was inspected."""
    try:
        return issuers.load(bucket, ca_certificate_id)
    except IssuerMismatch as error:
        return error


def _verdict(facts: CertificateFacts, issuer: x509.Certificate, bucket: str) -> Verdict:
    bounds = limits().crl
    max_size = bounds.max_size_mb * 1_000_000
    issuer_lists = CrlStore(bucket, max_size).lists_for(facts.issuer_key, issuer)
    return revocation.check(
        x509.load_pem_x509_certificate(facts.pem.encode("ascii")),
        issuer,
        issuer_lists.lists,
        clock.now(),
        max_age=timedelta(days=bounds.max_age_days),
        max_size=max_size,
        last_numbers=issuer_lists.last_numbers,
    )
