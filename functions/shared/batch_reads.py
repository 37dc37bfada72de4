"""Read many rows of a table at once (strong reads). What DynamoDB leaves unread is requested again after a growing pause.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html asks for exponential backoff, since an immediate
repeat is throttled like the first.
"""

import random
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from functions.shared import clock
from functions.shared.aws import client, translated
from workflows.dynamodb_items import to_item, to_plain
from workflows.errors import AwsUnavailable

TRIES = 8
_FIRST_PAUSE = 0.05
"""At most this many seconds before the second try; doubled for each later try, with full jitter: at most 6.35 s in all."""
_BATCH = 100


def items(table: str, keys: Iterable[Mapping[str, str]], *attributes: str) -> Iterator[dict[str, Any]]:
    """Returns the items under these keys, in no order; only these attributes, if any are named. Each key must be given once.

    A key without an item is left out. Raises `AwsUnavailable`, `AccessRefused`.
    """
    left = iter(keys)
    while batch := [to_item(dict(key)) for key in islice(left, _BATCH)]:
        request: dict[str, Any] = {"Keys": batch, "ConsistentRead": True}
        if attributes:
            request["ProjectionExpression"] = ", ".join(attributes)
        yield from _batch(table, {table: request})


def admissions(table: str, certificate_ids: Iterable[str], *attributes: str) -> Iterator[dict[str, Any]]:
    """Returns these attributes of the admissions of these certificates. Certificates that never knocked are left out.

    Raises `AwsUnavailable`, `AccessRefused`.
    """
    return map(to_plain, items(table, ({"certificate_id": one} for one in certificate_ids), *attributes))


def _batch(table: str, request: dict[str, Any]) -> list[dict[str, Any]]:
    read_items: list[dict[str, Any]] = []
    for attempt in range(TRIES):
        if attempt:
            clock.sleep(random.uniform(0, _FIRST_PAUSE * 2 ** (attempt - 1)))  # noqa: S311 - jitter is not a secret
        with translated():
            answer = client("dynamodb").batch_get_item(RequestItems=request)
        read_items += answer["Responses"].get(table, [])
        request = answer.get("UnprocessedKeys") or {}
        if not request:
            return read_items
    raise AwsUnavailable(f"DynamoDB left keys of {table} unread {TRIES} times.")
