"""The history of one request, in the approvals table: events are added and read page by page, with a limit on refused votes."""

import secrets
from typing import Any

from msgspec import Struct

from functions.shared import conditional
from functions.shared.aws import client, translated
from functions.shared.conditional import ConditionFailed
from functions.shared.timestamps import stamp
from workflows.approval.request_history import AuditEvent
from workflows.dynamodb_items import from_item, to_item, to_plain, values

MOST_OF_A_PAGE = 200
"""Events of one page. DynamoDB also ends a page at 1 MB; a Lambda's response may have 6 MB."""
MOST_REFUSED_OF_ONE = 10
"""Refused votes of one person on one request that are stored. The metric VoteRefused counts further ones."""
MOST_REFUSED = 200
"""Refused votes of all people on one request that are stored."""
_NO_VERSION = 999_999


class Events(Struct, frozen=True, kw_only=True):
    """A page, oldest first. `left` is the sort key of its last event if there are more; None on the last page."""

    events: tuple[AuditEvent, ...]
    left: str | None


def events(table: str, approval_id: str, *, after: str | None = None) -> Events:
    """One page of a request's history, starting after `after`. Raises `AwsUnavailable`."""
    with translated():
        page = client("dynamodb").query(
            TableName=table,
            KeyConditionExpression="approval_id = :id AND #item BETWEEN :first AND :last",
            ExpressionAttributeNames={"#item": "item"},
            ExpressionAttributeValues=values(id=approval_id, first=f"{after or 'event#'}\x00", last="event#~"),
            ConsistentRead=True,
            Limit=MOST_OF_A_PAGE,
        )
    left = to_plain(page["LastEvaluatedKey"])["item"] if "LastEvaluatedKey" in page else None
    return Events(events=tuple(from_item(item, AuditEvent) for item in page["Items"]), left=left)


def put(table: str, approval_id: str, event: AuditEvent, version: int = _NO_VERSION) -> dict[str, Any]:
    """The write, for a transaction. Events are sorted by time and, within a millisecond, by the new version; a random part makes each
    key unique."""
    item = f"event#{stamp(event.at)}#{version:06d}-{secrets.token_hex(4)}"
    return {
        "Put": {
            "TableName": table,
            "Item": {**to_item(event), **_key(approval_id, item)},
            "ConditionExpression": "attribute_not_exists(approval_id)",
        }
    }


def record_refusal(table: str, approval_id: str, event: AuditEvent) -> bool:
    """Add a refused vote of ``event.actor``. Returns False and writes nothing once the limits are reached.

    It is counted first, so that nobody exceeds the limit. After a crash in between, it is counted and not stored. Raises `AwsUnavailable`.
    """
    bounds = {f"refusals#{event.actor}": MOST_REFUSED_OF_ONE, "refusals": MOST_REFUSED}
    try:
        for item, most in bounds.items():
            conditional.update(
                table,
                {"approval_id": approval_id, "item": item},
                "ADD refused :one",
                condition="attribute_not_exists(refused) OR refused < :most",
                given={"one": 1, "most": most},
            )
    except ConditionFailed:
        return False
    with translated():
        client("dynamodb").transact_write_items(TransactItems=[put(table, approval_id, event)])
    return True


def _key(approval_id: str, item: str) -> dict[str, Any]:
    return {"approval_id": {"S": approval_id}, "item": {"S": item}}
