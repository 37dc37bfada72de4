"""Many rows of a table at once, with what DynamoDB left unread asked for again."""

from collections.abc import Iterator, Sequence
from typing import Any

from functions.shared.aws import client, translated
from functions.shared.items import to_plain
from workflows.admission.errors import AwsUnavailable

_BATCH, _TRIES = 100, 10


def admissions(table: str, certificate_ids: Sequence[str], *attributes: str) -> Iterator[dict[str, Any]]:
    """These attributes of the admissions of these certificates (strong reads). Those that never knocked are missing.

    Raises `AwsUnavailable`, `AccessRefused`.
    """
    for at in range(0, len(certificate_ids), _BATCH):
        yield from _batch(table, certificate_ids[at : at + _BATCH], attributes)


def _batch(table: str, ids: Sequence[str], attributes: Sequence[str]) -> list[dict[str, Any]]:
    request = {
        table: {
            "Keys": [{"certificate_id": {"S": one}} for one in ids],
            "ConsistentRead": True,
            "ProjectionExpression": ", ".join(attributes),
        }
    }
    found: list[dict[str, Any]] = []
    for _ in range(_TRIES):
        with translated():
            answer = client("dynamodb").batch_get_item(RequestItems=request)
        found += [to_plain(item) for item in answer["Responses"].get(table, [])]
        request = answer.get("UnprocessedKeys") or {}
        if not request:
            return found
    raise AwsUnavailable(f"{table} is throttled: {len(found)} of {len(ids)} rows were read in {_TRIES} tries.")
