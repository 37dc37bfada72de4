"""Conditional writes to DynamoDB: each takes effect completely or not at all. If not, the error has the item that prevented it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from functions.shared.aws import client, translated
from workflows.dynamodb_items import to_item, to_plain, values
from workflows.errors import AwsUnavailable


class ConditionFailed(Exception):  # noqa: N818 - a result, which each caller translates
    """Nothing was written. `item` is the existing item, as plain JSON types; None if there is none."""

    def __init__(self, item: dict[str, Any] | None) -> None:
        self.item = item
        super().__init__("conditional check failed")


def update(
    table: str,
    key: Mapping[str, str],
    expression: str,
    *,
    condition: str,
    given: Mapping[str, object],
    names: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Returns the item after the update, as plain JSON types. `given` has the values by name, without the colon.

    Raises `ConditionFailed`, `AwsUnavailable`, `AccessRefused`.
    """
    with _condition_failed(), translated():
        answer = client("dynamodb").update_item(
            TableName=table,
            Key=to_item(dict(key)),
            UpdateExpression=expression,
            ConditionExpression=condition,
            ExpressionAttributeValues=values(**given),
            **({"ExpressionAttributeNames": dict(names)} if names else {}),
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    return to_plain(answer["Attributes"])


def delete(table: str, key: Mapping[str, str], *, condition: str, given: Mapping[str, object]) -> None:
    """Raises `ConditionFailed`, `AwsUnavailable`, `AccessRefused`."""
    with _condition_failed(), translated():
        client("dynamodb").delete_item(
            TableName=table,
            Key=to_item(dict(key)),
            ConditionExpression=condition,
            ExpressionAttributeValues=values(**given),
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )


def change(
    table: str, key: Mapping[str, str], expression: str, *, condition: str, given: Mapping[str, object]
) -> dict[str, Any]:
    """Returns what `update` does, as a part of a transaction."""
    return {
        "Update": {
            "TableName": table,
            "Key": to_item(dict(key)),
            "UpdateExpression": expression,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values(**given),
        }
    }


def deletion(table: str, key: Mapping[str, str], *, condition: str, given: Mapping[str, object]) -> dict[str, Any]:
    """Returns what `delete` does, as a part of a transaction."""
    return {
        "Delete": {
            "TableName": table,
            "Key": to_item(dict(key)),
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values(**given),
        }
    }


def transact(items: Sequence[dict[str, Any]]) -> bool:
    """Make several conditional writes, all or none. Returns False if a condition did not hold, or another transaction used the same items.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html. Raises `AwsUnavailable`, `AccessRefused`.
    """
    try:
        with translated():
            client("dynamodb").transact_write_items(TransactItems=items)
    except ClientError as error:
        if error.response["Error"]["Code"] != "TransactionCanceledException":
            raise
        reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
        codes = {reason.get("Code", "None") for reason in reasons} - {"None"}
        if codes and codes <= {"ConditionalCheckFailed", "TransactionConflict"}:
            return False
        if codes & {"ThrottlingError", "ProvisionedThroughputExceeded"}:
            raise AwsUnavailable(str(error)) from error
        raise
    return True


@contextmanager
def _condition_failed() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        item: Any = error.response.get("Item")
        raise ConditionFailed(to_plain(item) if item else None) from error
