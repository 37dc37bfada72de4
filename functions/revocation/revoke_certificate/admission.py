"""The admission of a certificate that is being revoked after it."""

from datetime import datetime

from functions.shared import conditional
from functions.shared.admissions import NEVER
from functions.shared.conditional import ConditionFailed
from workflows.revocation.errors import AdmissionStillOpen
from workflows.revocation.sweep import Item


def mark(table: str, item: Item) -> bool:
    """Note the list that revokes it. False if it is not in (any more). Raises `AdmissionStillOpen`, marked, `AwsUnavailable`."""
    outcome = _update(
        table,
        item,
        "SET revoked_by = :list",
        "outcome IN (:admitted, :failed, :open)",
        admitted="admitted",
        failed="failed",
        open="open",
    )
    if outcome == "open":
        raise AdmissionStillOpen(f"The admission of {item.certificate_id} is not over; it can activate no more.")
    return outcome is not None


def close(table: str, item: Item, at: datetime) -> None:
    """Refused from now on, for what the list says. A repeat changes nothing."""
    _update(
        table,
        item,
        "SET outcome = :refused, #reason = :reason, closed_at = :at, reopen_at = :never REMOVE awaited, awaited_since",
        "revoked_by = :list AND outcome IN (:admitted, :failed)",
        names={"#reason": "reason"},
        admitted="admitted",
        failed="failed",
        refused="refused",
        reason=item.verdict().reason,
        at=at,
        never=NEVER,
    )


def _update(
    table: str, item: Item, update: str, condition: str, names: dict[str, str] | None = None, **named: object
) -> str | None:
    """The outcome afterwards; None if the condition did not hold."""
    try:
        found = conditional.update(
            table,
            {"certificate_id": item.certificate_id},
            update,
            condition=condition,
            given={"list": item.list.sha256, **named},
            names=names,
        )
    except ConditionFailed:
        return None
    outcome: str = found["outcome"]
    return outcome
