"""Requests by status, and by what is still owed: for lists and for the sweeper. An index lags a little; nothing is decided on it."""

from collections.abc import Iterator
from typing import Literal

from functions.shared.aws import client, translated
from functions.shared.items import from_item, values
from functions.shared.timestamps import stamp
from workflows.approval.request import Request

Index = Literal["by_status", "by_owed"]
Position = tuple[str, str]
"""Where a list was left: approval id and sort key of the last request read."""

_KEYS: dict[Index, tuple[str, str]] = {"by_status": ("status", "requested_at"), "by_owed": ("owed", "decided_at")}
_PAGE = 100


def requests(
    table: str, index: Index, value: str, *, after: Position | None = None, newest_first: bool = False
) -> Iterator[Request]:
    """The requests whose index key is `value`, in order of time, read as far as the caller goes on."""
    hash_key, sort_key = _KEYS[index]
    start = None
    if after is not None:
        start = {
            "approval_id": {"S": after[0]},
            "item": {"S": "request"},
            hash_key: {"S": value},
            sort_key: {"S": after[1]},
        }
    while True:
        with translated():
            page = client("dynamodb").query(
                TableName=table,
                IndexName=index,
                KeyConditionExpression="#hash = :value",
                ExpressionAttributeNames={"#hash": hash_key},
                ExpressionAttributeValues=values(value=value),
                ScanIndexForward=not newest_first,
                Limit=_PAGE,
                **({"ExclusiveStartKey": start} if start else {}),
            )
        yield from (from_item(item, Request) for item in page["Items"])
        start = page.get("LastEvaluatedKey")
        if start is None:
            return


def position(index: Index, request: Request) -> Position:
    """Where a list that ended with `request` goes on."""
    moment = request.requested_at if index == "by_status" else request.decided_at
    return request.approval_id, stamp(moment) if moment else ""
