"""The certificate's own data, as attributes of its row in the admissions table."""

from workflows.admission.contracts import CertificateFacts


def columns(facts: CertificateFacts | None) -> dict[str, object]:
    """Empty for a certificate that could not be read. `expires_in` is the month ``YYYY-MM``; nobody renews a trial's certificate."""
    if facts is None:
        return {}
    return {
        "subject": facts.subject,
        "common_name": facts.common_name,
        "issuer_key": facts.issuer_key,
        "serial": facts.serial,
        "not_after": facts.not_after,
        "expires_in": None if facts.trial else f"{facts.not_after:%Y-%m}",
        "trial": facts.trial or None,
    }
