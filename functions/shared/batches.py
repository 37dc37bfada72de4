"""Many rows of a table at once (strong reads), with what DynamoDB left unread asked for again."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from functions.shared.aws import client, translated
from functions.shared.items import to_item, to_plain
from workflows.admission.errors import AwsUnavailable

TRIES = 10
_BATCH = 100


def items(table: str, keys: Iterable[Mapping[str, str]], *attributes: str) -> Iterator[dict[str, Any]]:
    """The items under these keys, each named once, in no order; with these attributes only, if any are named.

    Those that are not there are missing. Raises `AwsUnavailable`, `AccessRefused`.
    """
    left = iter(keys)
    while batch := [to_item(dict(key)) for key in islice(left, _BATCH)]:
        asked: dict[str, Any] = {"Keys": batch, "ConsistentRead": True}
        if attributes:
            asked["ProjectionExpression"] = ", ".join(attributes)
        yield from _batch(table, {table: asked})


def admissions(table: str, certificate_ids: Iterable[str], *attributes: str) -> Iterator[dict[str, Any]]:
    """These attributes of the admissions of these certificates. Those that never knocked are missing.

    Raises `AwsUnavailable`, `AccessRefused`.
    """
    return map(to_plain, items(table, ({"certificate_id": one} for one in certificate_ids), *attributes))


def _batch(table: str, request: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for _ in range(TRIES):
        with translated():
            answer = client("dynamodb").batch_get_item(RequestItems=request)
        found += answer["Responses"].get(table, [])
        request = answer.get("UnprocessedKeys") or {}
        if not request:
            return found
    raise AwsUnavailable(f"DynamoDB left keys of {table} unread {TRIES} times.")
