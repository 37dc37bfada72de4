"""Which sealed record of a certificate is the latest: the next one is chained to it."""

from functions.shared import conditional
from functions.shared.chains import Head
from functions.shared.conditional import ConditionFailed
from workflows.evidence.record import Link


def advance(table: str, certificate_id: str, before: Head, link: Link) -> bool:
    """Make `link` the chain's latest record. Returns False if another record came first: then only the day's manifest lists `link`."""
    unchanged = "evidence_sha256 = :before" if before.link else "attribute_not_exists(evidence_sha256)"
    named = {"me": before.execution_arn, "key": link.key, "sha": link.sha256}
    try:
        conditional.update(
            table,
            {"certificate_id": certificate_id},
            "SET evidence_key = :key, evidence_sha256 = :sha",
            condition=f"execution_arn = :me AND {unchanged}",
            given=named | ({"before": before.evidence_sha256} if before.link else {}),
        )
    except ConditionFailed:
        return False
    return True
