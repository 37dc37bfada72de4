"""Reads and writes DynamoDB tables with plain values. Batches are repeated until nothing is left unprocessed."""

import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from gatehouse.errors import Unreachable
from workflows.dynamodb_items import to_item, to_plain

T = TypeVar("T")

READ_BATCH = 100
_TRIES, _FIRST_DELAY, _LONGEST_DELAY = (
    10,
    0.05,
    5.0,
)  # seconds; DynamoDB's batch calls return the keys that were throttled


def query(dynamodb: Any, **request: Any) -> Iterator[dict[str, Any]]:
    """Every item that a Query returns. Reads page by page."""
    yield from _pages(dynamodb.query, request)


def of_index(
    dynamodb: Any, table: str, index: str, attribute: str, value: object, *, newest_first: bool
) -> Iterator[dict[str, Any]]:
    """Every item whose hash key in the index is `value`. Reads page by page."""
    yield from query(
        dynamodb,
        TableName=table,
        IndexName=index,
        KeyConditionExpression="#attribute = :value",
        ExpressionAttributeNames={"#attribute": attribute},
        ExpressionAttributeValues=to_item({":value": value}),
        ScanIndexForward=not newest_first,
    )


def scan(dynamodb: Any, **request: Any) -> Iterator[dict[str, Any]]:
    """Every item that a Scan returns. Reads the whole table page by page, so only a person's command may use it."""
    yield from _pages(dynamodb.scan, request)


def put_over(dynamodb: Any, table: str, new: object, there: Mapping[str, Any] | None, *, key: str) -> bool:
    """Put `new` only if the item still equals `there`, in each attribute; None: only if there is no item. Returns False if it differs.

    `key` is the name of the hash key.
    """
    item = to_item(new)
    before = {} if there is None else to_item(there)
    absent = (key,) if there is None else tuple(name for name in item if name not in before)
    names = {f"#{number}": name for number, name in enumerate((*before, *absent))}
    values = {f":{number}": value for number, value in enumerate(before.values())}
    conditions = [f"#{number} = :{number}" for number in range(len(before))]
    conditions += [f"attribute_not_exists(#{number})" for number in range(len(before), len(names))]
    try:
        dynamodb.put_item(
            TableName=table,
            Item=item,
            ConditionExpression=" AND ".join(conditions),
            ExpressionAttributeNames=names,
            **({"ExpressionAttributeValues": values} if values else {}),
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def read_batch(dynamodb: Any, table: str, keys: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Get at most `READ_BATCH` items by their string keys. Missing items are left out."""
    left: dict[str, Any] = {table: {"Keys": [to_item(key) for key in keys], "ConsistentRead": True}}
    found: list[dict[str, Any]] = []
    for delay in _delays():
        answer = dynamodb.batch_get_item(RequestItems=left)
        found += [to_plain(item) for item in answer["Responses"].get(table, [])]
        left = answer.get("UnprocessedKeys") or {}
        if not left:
            return found
        time.sleep(delay)
    raise Unreachable(f"DynamoDB still throttles {table} after {_TRIES} tries. Try again later.")


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most `size`."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _pages(call: Any, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    while True:
        page = call(**request)
        yield from (to_plain(item) for item in page["Items"])
        if not page.get("LastEvaluatedKey"):
            return
        request = {**request, "ExclusiveStartKey": page["LastEvaluatedKey"]}


def _delays() -> Iterator[float]:
    """Exponential, with full jitter."""
    for attempt in range(_TRIES):
        yield random.uniform(0, min(_LONGEST_DELAY, _FIRST_DELAY * 2**attempt))  # noqa: S311 - not a secret
