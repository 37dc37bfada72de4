"""What a sweep writes: the certificate is being revoked by a list or with its CA, independent of how its admission ended."""

from datetime import datetime, timedelta
from typing import Any

from functions.shared import conditional
from functions.shared.admissions.rows import NEVER
from functions.shared.conditional import ConditionFailed
from functions.shared.timestamps import stamp
from workflows.admission.contracts import Execution
from workflows.hashes import beginning
from workflows.revocation.errors import AdmissionStillOpen, RevocationUnderWay
from workflows.revocation.sweep import IN, AuthorityItem, Item

LEASE = timedelta(minutes=10)
"""For this time a mark blocks the sweep of another list or CA. One certificate takes seconds, or a minute with all retries. A sweep that
has not ended by then has crashed, and the next sweep continues in its place."""


def mark(table: str, item: Item | AuthorityItem, execution: Execution, at: datetime) -> str | None:
    """Mark what revokes the certificate. Returns the outcome of its admission; None if it is not admitted (any more).

    Raises `AdmissionStillOpen`, after the mark, for an open admission: at once if a list revokes the certificate, since the next knock is
    checked against that list; with its CA only once the certificate is REVOKED, since no list shows it to the next knock. Raises
    `RevocationUnderWay` while the sweep of another list or CA is revoking it, and `AwsUnavailable`, `AccessRefused`.
    """
    row = _mark_listed(table, item, at) if isinstance(item, Item) else _mark_of_authority(table, item, execution, at)
    if row is None:
        return None
    outcome: str = row["outcome"]
    if outcome == "open" and (isinstance(item, Item) or "revoked_at" in row):
        raise still_open(item)
    return outcome


def still_open(item: Item | AuthorityItem) -> AdmissionStillOpen:
    return AdmissionStillOpen(
        f"The admission of {item.certificate_id} has not ended; it can no longer activate the certificate."
    )


def note_revoked(table: str, item: AuthorityItem, at: datetime) -> None:
    """Note that it is REVOKED while its admission is open, so that a repeat that waits for the end does not call AWS IoT again."""
    _update(table, item, "SET revoked_at = :at", "revoked_by = :mark AND outcome = :open", at=at, open="open")


def close(table: str, item: Item | AuthorityItem, at: datetime) -> None:
    """Close the admission as refused, for the reason of the list or the CA's operator; its execution cannot change it. Repeatable."""
    _update(
        table,
        item,
        "SET outcome = :refused, #reason = :reason, closed_at = :at, closed_by = :mark, reopen_at = :never "
        "REMOVE awaited, awaited_since, revoking_since",
        "revoked_by = :mark AND outcome <> :open",
        names={"#reason": "reason"},
        refused="refused",
        reason=item.reason(),
        at=at,
        never=NEVER,
        open="open",
    )


def _mark_listed(table: str, item: Item, at: datetime) -> dict[str, Any] | None:
    """An admission that is refused already does not change."""
    given: dict[str, object] = {one: one for one in sorted(IN)}
    is_in = f"outcome IN ({', '.join(f':{one}' for one in given)})"
    try:
        return _mark(table, item, _MARK, is_in, at, **given)
    except ConditionFailed as failed:
        if failed.item is not None and failed.item["outcome"] in IN:
            raise _under_way(item, failed.item) from None
        return None


def _mark_of_authority(table: str, item: AuthorityItem, execution: Execution, at: datetime) -> dict[str, Any]:
    """Mark it whatever its outcome; no knock starts it again. A certificate that never knocked gets a row, so that its first knock finds
    the mark."""
    marked = f"{_MARK}, reopen_at = :never"
    try:
        return _mark(table, item, marked, "attribute_exists(certificate_id)", at, never=NEVER)
    except ConditionFailed as failed:
        if failed.item is not None:
            raise _under_way(item, failed.item) from None
    row = _update(
        table,
        item,
        f"{marked}, outcome = :held, claimed_at = :at, ca_certificate_id = :ca, execution_arn = :arn, execution_name = :name, "
        "id_prefix = :prefix",
        "attribute_not_exists(certificate_id)",
        since=stamp(at),
        never=NEVER,
        held="held",
        at=at,
        ca=item.authority.ca_certificate_id,
        arn=execution.arn,
        name=execution.name,
        prefix=beginning(item.certificate_id),
    )
    if row is None:  # it knocked in between, for the first time
        raise still_open(item)
    return row


_MARK = "SET revoked_by = :mark, revoking_since = :since"
_FREE = "(attribute_not_exists(revoked_by) OR revoked_by = :mark OR attribute_not_exists(revoking_since) OR revoking_since < :lapsed)"


def _mark(
    table: str, item: Item | AuthorityItem, update: str, condition: str, at: datetime, **named: object
) -> dict[str, Any]:
    """Returns the row afterwards. Raises `ConditionFailed`, also while another mark blocks this one."""
    return conditional.update(
        table,
        {"certificate_id": item.certificate_id},
        update,
        condition=f"{condition} AND {_FREE}",
        given={"mark": item.mark, "since": stamp(at), "lapsed": stamp(at - LEASE), **named},
    )


def _under_way(item: Item | AuthorityItem, row: dict[str, Any]) -> RevocationUnderWay:
    since = row.get("revoking_since")
    return RevocationUnderWay(f"{item.certificate_id} is being revoked by {row.get('revoked_by')} since {since}.")


def _update(
    table: str,
    item: Item | AuthorityItem,
    update: str,
    condition: str,
    names: dict[str, str] | None = None,
    **named: object,
) -> dict[str, Any] | None:
    """Returns the row afterwards; None if the condition did not hold."""
    try:
        return conditional.update(
            table,
            {"certificate_id": item.certificate_id},
            update,
            condition=condition,
            given={"mark": item.mark, **named},
            names=names,
        )
    except ConditionFailed:
        return None
