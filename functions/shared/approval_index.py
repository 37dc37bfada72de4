"""Requests by status, by device, by person, and by what is not done yet: for lists, searches and the sweeper.

An index lags a little, so no decision depends on it.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal, NamedTuple

from functions.shared import batch_reads
from functions.shared.aws import client, translated
from functions.shared.timestamps import stamp
from workflows.approval.identity import normal
from workflows.approval.request import Request
from workflows.dynamodb_items import from_item, to_item, values

Index = Literal["by_status", "by_owed", "by_device", "by_person"]
Position = tuple[str, str]
"""Where reading a list stopped: approval id and sort key of the last request read."""

_KEYS: dict[Index, tuple[str, str]] = {
    "by_status": ("status", "requested_at"),
    "by_owed": ("owed", "decided_at"),
    "by_device": ("device", "requested_at"),
    "by_person": ("person", "requested_at"),
}
DUE = "DUE"
"""The only hash key of the index of messages to send; the index has a request only until all its messages are sent."""

_PAGE = 100
_FIRST, _LAST = "0", "9999"


class Entry(NamedTuple):
    """A request and its position in the index. `request` is None if the index names a request that does not exist."""

    request: Request | None
    position: Position


def requests(table: str, index: Index, value: str) -> Iterator[Request]:
    """Returns the requests whose index key is `value`, oldest first. Pages are read only as far as the caller iterates."""
    return (one.request for one in entries(table, index, value) if one.request is not None)


def entries(
    table: str,
    index: Index,
    value: str,
    *,
    after: Position | None = None,
    newest_first: bool = False,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[Entry]:
    """The same as `requests`, in either order, starting after `after`, and only from the time `since` to before `until`.

    `after` may lie outside of these times: before the first it means the start, after the last it means the end. (DynamoDB refuses a
    start key outside of a query's range.)
    """
    sort_key = _KEYS[index][1]
    first, last = _bounds(since, until)
    if after is not None and not first <= after[1] <= last:
        if (after[1] < first) == newest_first:
            return
        after = None
    for items in _pages(table, index, value, after, newest_first, since, until):
        if index != "by_person":
            for item in items:
                request = from_item(item, Request)
                yield Entry(request, (request.approval_id, item[sort_key]["S"]))
            continue
        identities = [(item["approval_id"]["S"], item[sort_key]["S"]) for item in items]
        there = _requests(table, [identity for identity, _ in identities])
        yield from (Entry(there.get(position[0]), position) for position in identities)


def due(table: str, at: datetime) -> Iterator[str]:
    """Returns the ids of requests with a message to send by `at`; the message due longest comes first."""
    with translated():
        for page in (
            client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=table,
                IndexName="by_notice",
                KeyConditionExpression="notice = :due AND notice_at <= :now",
                ExpressionAttributeValues=values(due=DUE, now=stamp(at)),
                Limit=_PAGE,
            )
        ):
            yield from (item["approval_id"]["S"] for item in page["Items"])


def name_in_index(name: str) -> str:
    """Returns a person's name as the index has it: in normal form, cut so that it fits into a sort key (1,024 bytes)."""
    return normal(name)[:200]


def mention(name_in_index: str) -> str:
    """Returns the sort key of the item by which a search for that name finds a request."""
    return f"mention#{name_in_index}"


def _pages(  # noqa: PLR0917 - the parts of a query
    table: str,
    index: Index,
    value: str,
    after: Position | None,
    newest_first: bool,
    since: datetime | None,
    until: datetime | None,
) -> Iterator[list[dict[str, Any]]]:
    hash_key, sort_key = _KEYS[index]
    start: dict[str, Any] = {}
    if after is not None:
        item = mention(value) if index == "by_person" else "request"
        left = {"approval_id": after[0], "item": item, hash_key: value, sort_key: after[1]}
        start["ExclusiveStartKey"] = to_item(left)
    first, last = _bounds(since, until)
    with translated():
        for page in (
            client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=table,
                IndexName=index,
                KeyConditionExpression="#hash = :value AND #sort BETWEEN :since AND :before",
                ExpressionAttributeNames={"#hash": hash_key, "#sort": sort_key},
                ExpressionAttributeValues=values(value=value, since=first, before=last),
                ScanIndexForward=not newest_first,
                Limit=_PAGE,
                **start,
            )
        ):
            yield page["Items"]


def _bounds(since: datetime | None, until: datetime | None) -> tuple[str, str]:
    """BETWEEN includes both ends. ``…Z`` sorts after every time of that millisecond, so the ``Z`` of `until` is removed."""
    return stamp(since) if since else _FIRST, stamp(until)[:-1] if until else _LAST


def _requests(table: str, identities: list[str]) -> dict[str, Request]:
    """Returns the requests that exist, by id."""
    keys = ({"approval_id": one, "item": "request"} for one in dict.fromkeys(identities))
    read = (from_item(item, Request) for item in batch_reads.items(table, keys))
    return {request.approval_id: request for request in read}
