"""The findings of the schedule, from the operator's side: list them, and accept those that are intended."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec

from gatehouse.errors import AnsweredNo, NotFound
from gatehouse.evidence.audit_trail import recorded, require_reason
from gatehouse.stack import tables
from gatehouse.stack.target import Target
from workflows.dynamodb_items import to_item, to_plain
from workflows.reconciliation.findings import KINDS, Kind
from workflows.reconciliation.rounds import ROUNDS, Cursor, Round


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One finding. `seen_at` is when it was last seen. `accepted_at` is when somebody said that it is intended."""

    kind: Kind
    subject: str
    device: str | None = None
    detail: str
    since: datetime
    seen_at: datetime
    accepted_at: datetime | None = None
    accepted_because: str | None = None


def standing(target: Target, kind: Kind | None = None) -> Iterator[Standing]:
    """Yields every finding of one kind, or of all kinds."""
    for one in (kind,) if kind else KINDS:
        for item in tables.query(
            target.client("dynamodb"),
            TableName=target.output("FindingsTable"),
            KeyConditionExpression="kind = :kind",
            ExpressionAttributeValues=to_item({":kind": one}),
        ):
            yield msgspec.convert(item, Standing)


def find(target: Target, kind: Kind, subject: str) -> Standing:
    """Returns the current finding. Raises `NotFound`."""
    answer = target.client("dynamodb").get_item(
        TableName=target.output("FindingsTable"), Key=_key(kind, subject), ConsistentRead=True
    )
    if "Item" not in answer:
        raise NotFound(f"There is no finding {kind} of {subject!r}. List all: gatehouse findings list")
    return msgspec.convert(to_plain(answer["Item"]), Standing)


def rounds(target: Target) -> list[Cursor]:
    """Returns the position of each round; a round that never began is left out."""
    found = (msgspec.convert(item, Cursor) for item in _rounds(target, ROUNDS))
    return sorted(found, key=lambda one: ROUNDS.index(one.round))


def artifact(target: Target) -> str | None:
    """Returns how the functions' code was built, from the last run of the round *arrivals*; None before the first run."""
    return next((str(item["artifact"]) for item in _rounds(target, ("arrivals",)) if "artifact" in item), None)


def _rounds(target: Target, names: Iterable[Round]) -> list[dict[str, Any]]:
    keys = [{"kind": "cursor", "subject": name} for name in names]
    return list(tables.read_batch(target.client("dynamodb"), target.output("FindingsTable"), keys))


def accept(target: Target, found: Standing, reason: str, at: datetime) -> None:
    """Mark the finding as intended: while it is found, no alarm counts it.

    Raises `AnsweredNo` if it has changed since the operator read it, `BadInput`, `TrailUnavailable`.
    """
    why = require_reason(reason)
    with recorded(target, "admission", "accept_finding", found.subject, new={"kind": found.kind}, reason=why):
        dynamodb = target.client("dynamodb")
        try:
            dynamodb.update_item(
                TableName=target.output("FindingsTable"),
                Key=_key(found.kind, found.subject),
                UpdateExpression="SET accepted_at = :at, accepted_because = :why",
                ConditionExpression="detail = :detail",
                ExpressionAttributeValues=to_item({":at": at, ":why": why, ":detail": found.detail}),
            )
        except dynamodb.exceptions.ConditionalCheckFailedException as error:
            raise AnsweredNo(
                f"The finding {found.kind} of {found.subject} has changed or ended meanwhile; it is not accepted. Check it again."
            ) from error


def drop(target: Target, found: Standing) -> None:
    """Delete the finding after its repair. If it is not repaired, the next round finds it again."""
    target.client("dynamodb").delete_item(TableName=target.output("FindingsTable"), Key=_key(found.kind, found.subject))


def _key(kind: Kind, subject: str) -> dict[str, object]:
    return to_item({"kind": kind, "subject": subject})
