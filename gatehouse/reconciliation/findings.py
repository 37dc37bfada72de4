"""What the schedule found not to fit together, from the operator's side: list it, and accept what is meant to be so."""

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
    """One finding. `seen_at` is when it was last looked at; `accepted_at`: somebody said that it is meant to be so."""

    kind: Kind
    subject: str
    device: str | None = None
    detail: str
    since: datetime
    seen_at: datetime
    accepted_at: datetime | None = None
    accepted_because: str | None = None


def standing(target: Target, kind: Kind | None = None) -> Iterator[Standing]:
    """Every finding of one kind, or of all."""
    for one in (kind,) if kind else KINDS:
        for item in tables.query(
            target.client("dynamodb"),
            TableName=target.output("FindingsTable"),
            KeyConditionExpression="kind = :kind",
            ExpressionAttributeValues=to_item({":kind": one}),
        ):
            yield msgspec.convert(item, Standing)


def find(target: Target, kind: Kind, subject: str) -> Standing:
    """The finding as it stands. Raises `NotFound`."""
    answer = target.client("dynamodb").get_item(
        TableName=target.output("FindingsTable"), Key=_key(kind, subject), ConsistentRead=True
    )
    if "Item" not in answer:
        raise NotFound(f"No finding {kind} of {subject!r}. What there is: gatehouse findings list")
    return msgspec.convert(to_plain(answer["Item"]), Standing)


def rounds(target: Target) -> list[Cursor]:
    """How far each round has come; one that never began is missing."""
    found = (msgspec.convert(item, Cursor) for item in _rounds(target, ROUNDS))
    return sorted(found, key=lambda one: ROUNDS.index(one.round))


def artifact(target: Target) -> str | None:
    """How the functions' code was built, as the last look at arrivals noted it; None before the first."""
    return next((str(item["artifact"]) for item in _rounds(target, ("arrivals",)) if "artifact" in item), None)


def _rounds(target: Target, names: Iterable[Round]) -> list[dict[str, Any]]:
    keys = [{"kind": "cursor", "subject": name} for name in names]
    return list(tables.read_batch(target.client("dynamodb"), target.output("FindingsTable"), keys))


def accept(target: Target, found: Standing, reason: str, at: datetime) -> None:
    """It is meant to be so: no alarm counts it any more, for as long as it is found.

    Raises `AnsweredNo` if it is not what it was when somebody looked at it, `BadInput`, `TrailUnavailable`.
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
                f"The finding {found.kind} of {found.subject} has changed or gone meanwhile; it is not accepted. Look again."
            ) from error


def drop(target: Target, found: Standing) -> None:
    """It is repaired. If it is not, the next round finds it again."""
    target.client("dynamodb").delete_item(TableName=target.output("FindingsTable"), Key=_key(found.kind, found.subject))


def _key(kind: Kind, subject: str) -> dict[str, object]:
    return to_item({"kind": kind, "subject": subject})
