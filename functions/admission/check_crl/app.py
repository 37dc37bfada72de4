"""Check the certificate against its issuer's revocation lists."""

from datetime import timedelta
from typing import Any

from cryptography import x509
from msgspec import Struct

from functions.shared import clock, issuers
from functions.shared.crl_store import CrlStore
from functions.shared.observability import count, observed
from functions.shared.settings import limits, settings
from workflows import revocation
from workflows.admission import contracts
from workflows.admission.errors import IssuerMismatch


class Settings(Struct, frozen=True, kw_only=True):
    crl_bucket: str


@observed
def handler(event: Any, context: Any) -> Any:  # noqa: ARG001
    """States *Check CRL* and *Check CRL again*. Input: CheckCrlInput; output: revocation.Verdict.

    Raises CrlStoreUnavailable (retryable): not being able to read the lists is no verdict, and least of all good.
    """
    request = contracts.read(contracts.CheckCrlInput, event)
    bucket, bounds = settings(Settings).crl_bucket, limits().crl
    max_size = bounds.max_size_mb * 1_000_000
    try:
        issuer = issuers.load(bucket, request.certificate.ca_certificate_id)
    except IssuerMismatch as error:  # it was right when the certificate was inspected
        return contracts.write(revocation.Verdict(status="unknown", reason=str(error), at=clock.now()))
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
    return contracts.write(verdict)
