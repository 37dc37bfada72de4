"""Pages of our own tables. The next page's position is DynamoDB's key as JSON text, so that it can be stored in a table."""

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from functions.shared import batch_reads
from functions.shared.aws import client, translated
from workflows import stored
from workflows.dynamodb_items import from_item, values
from workflows.reconciliation.findings import Row

T = TypeVar("T")
PAGE = 100


def query(
    table: str,
    index: str | None,
    condition: str,
    after: str | None,
    kind: type[T],
    *,
    names: dict[str, str] | None = None,
    **given: object,
) -> tuple[list[T], str | None]:
    """Returns one page of an index (None: of the table itself), oldest first, and the position of the next page.

    Raises `AwsUnavailable`, `AccessRefused`.
    """
    return _page(
        "query",
        after,
        kind,
        TableName=table,
        **({"IndexName": index} if index else {}),
        KeyConditionExpression=condition,
        ExpressionAttributeValues=values(**given),
        **({"ExpressionAttributeNames": names} if names else {}),
    )


def scan(table: str, beginning: str, after: str | None, kind: type[T]) -> tuple[list[T], str | None]:
    """Returns one page of a table, only with the items whose lookup key begins with `beginning`."""
    return _page(
        "scan",
        after,
        kind,
        TableName=table,
        FilterExpression="begins_with(lookup_key, :beginning)",
        ExpressionAttributeValues=values(beginning=beginning),
    )


def admissions(table: str, certificate_ids: Sequence[str]) -> dict[str, Row]:
    """Returns the admissions of these certificates, by certificate id. Certificates that never knocked are left out."""
    items = batch_reads.items(table, ({"certificate_id": one} for one in certificate_ids))
    return {row.certificate_id: row for row in (from_item(item, Row) for item in items)}


def known_keys(table: str, keys: Sequence[str]) -> set[str]:
    """Returns those of these lookup keys that the inventory has."""
    return {item["lookup_key"]["S"] for item in batch_reads.items(table, ({"lookup_key": key} for key in keys))}


def _page(call: str, after: str | None, kind: type[T], **request: Any) -> tuple[list[T], str | None]:
    with translated():
        answer = getattr(client("dynamodb"), call)(
            **request, Limit=PAGE, **({"ExclusiveStartKey": stored.read(after, dict[str, Any])} if after else {})
        )
    last = answer.get("LastEvaluatedKey")
    return [from_item(item, kind) for item in answer["Items"]], json.dumps(last) if last else None
