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
from workflows.admission.contracts import CheckCrlInput
from workflows.admission.errors import IssuerMismatch
from workflows.revocation import Verdict


class Settings(Struct, frozen=True, kw_only=True):
    crl_bucket: str


@step(CheckCrlInput)
def handler(request: CheckCrlInput) -> Verdict:
    """States *Check CRL* and *Check CRL again*.

    Raises CrlStoreUnavailable (retryable): not being able to read the lists is no verdict, and least of all good.
    """
    bucket, bounds = settings(Settings).crl_bucket, limits().crl
    max_size = bounds.max_size_mb * 1_000_000
    try:
        issuer = issuers.load(bucket, request.certificate.ca_certificate_id)
    except IssuerMismatch as error:  # it was right when the certificate was inspected
        return Verdict(status="unknown", reason=str(error), at=clock.now())
    found = CrlStore(bucket, max_size).lists_for(request.certificate.issuer_key, issuer)
    verdict = revocation.check(
        x509.load_pem_x509_certificate(request.certificate.pem.encode("ascii")),
        issuer,
        found.lists,
        clock.now(),
        max_age=timedelta(days=bounds.max_age_days),
        max_size=max_size,
        last_numbers=found.last_numbers,
    )
    count("RevocationChecked", status=verdict.status)
    return verdict
