"""Asked by AWS IoT on every connect, where an operator wants that: has the CA taken this certificate back?"""

from datetime import timedelta
from typing import Any, Literal

from msgspec import Struct

from functions.revocation.validate_connection import ca_certificates, chain
from functions.shared import clock
from functions.shared.crl_store import CrlStore
from functions.shared.observability import count, logger, observed
from functions.shared.settings import limits, settings
from workflows import revocation
from workflows.admission.facts import issuer_key
from workflows.errors import MayWorkLater
from workflows.revocation import Verdict


class Settings(Struct, frozen=True, kw_only=True):
    crl_bucket: str
    on_unknown: Literal["allow", "deny"]


@observed
def handler(event: Any, context: Any) -> Any:  # noqa: ARG001
    """https://docs.aws.amazon.com/iot/latest/developerguide/customize-client-auth.html

    Returns ``isAuthenticated``: true lets AWS IoT go on to its own checks. Revoked, or no certificate: false. Good: true. Unknown, or the
    lists cannot be read: as the operator has decided.
    """
    used = settings(Settings)
    try:
        verdict = _verdict(chain.leaf(event), used.crl_bucket)
        status: str = "unknown" if verdict is None else verdict.status
    except chain.NoCertificate as error:
        logger.warning("no certificate: %s", error)
        status = "malformed"
    except MayWorkLater as error:
        logger.warning("%s: %s", type(error).__name__, error)
        status = "unknown"
    count("ConnectionChecked", status=status)
    return {"isAuthenticated": status == "good" or (status == "unknown" and used.on_unknown == "allow")}


def _verdict(certificate: Any, bucket: str) -> Verdict | None:
    """By the CA that really signed it; None if it is none of ours. A name may have two keys, so each is asked."""
    bounds, verdict = limits().crl, None
    max_size = bounds.max_size_mb * 1_000_000
    for issuer in ca_certificates.issuers_named(bucket, certificate.issuer):
        found = CrlStore(bucket, max_size).lists_for(issuer_key(issuer), issuer)
        verdict = revocation.check(
            certificate,
            issuer,
            found.lists,
            clock.now(),
            max_age=timedelta(days=bounds.max_age_days),
            max_size=max_size,
            last_numbers=found.last_numbers,
        )
        if verdict.status != "unknown":
            return verdict
    return verdict
