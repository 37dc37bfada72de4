"""AWS IoT calls this on every connect, if an operator wants it: has the CA revoked this certificate?"""

from datetime import timedelta
from typing import Literal

from cryptography import x509
from msgspec import Struct

from functions.revocation.validate_connection import ca_certificates, chain
from functions.revocation.validate_connection.chain import NoCertificate
from functions.shared import clock
from functions.shared.crl_store import CrlStore
from functions.shared.handlers import on_event
from functions.shared.observability import count, logger
from functions.shared.settings import limits, settings
from workflows import revocation
from workflows.admission.facts import issuer_key
from workflows.errors import MayWorkLater
from workflows.revocation import Verdict


class Settings(Struct, frozen=True, kw_only=True):
    crl_bucket: str
    on_unknown: Literal["allow", "deny"]


class Answer(Struct, frozen=True, kw_only=True, rename="camel"):
    """True lets AWS IoT go on to its own checks: https://docs.aws.amazon.com/iot/latest/developerguide/customize-client-auth.html"""

    is_authenticated: bool


@on_event(chain.leaf)
def handler(leaf: x509.Certificate | NoCertificate) -> Answer:
    """A good certificate is authenticated. A revoked certificate is not, and neither is a text that is not a certificate.

    If the status is unknown, or the lists cannot be read, the operator's setting decides.
    """
    environment = settings(Settings)
    status = _status(leaf, environment.crl_bucket)
    count("ConnectionChecked", status=status)
    return Answer(is_authenticated=status == "good" or (status == "unknown" and environment.on_unknown == "allow"))


def _status(leaf: x509.Certificate | NoCertificate, bucket: str) -> str:
    if isinstance(leaf, NoCertificate):
        logger.warning("no certificate: %s", leaf.reason)
        return "malformed"
    try:
        verdict = _verdict(leaf, bucket)
    except MayWorkLater as error:
        logger.warning("%s: %s", type(error).__name__, error)
        return "unknown"
    return "unknown" if verdict is None else verdict.status


def _verdict(certificate: x509.Certificate, bucket: str) -> Verdict | None:
    """Returns the verdict for the CA that really signed it; None if none of ours did. Two CAs may have one name, so each is checked."""
    bounds, verdict = limits().crl, None
    max_size = bounds.max_size_mb * 1_000_000
    for issuer in ca_certificates.issuers_named(bucket, certificate.issuer):
        issuer_lists = CrlStore(bucket, max_size).lists_for(issuer_key(issuer), issuer)
        verdict = revocation.check(
            certificate,
            issuer,
            issuer_lists.lists,
            clock.now(),
            max_age=timedelta(days=bounds.max_age_days),
            max_size=max_size,
            last_numbers=issuer_lists.last_numbers,
        )
        if verdict.status != "unknown":
            return verdict
    return verdict
