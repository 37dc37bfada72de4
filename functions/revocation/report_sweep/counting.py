"""How many of those whom the sweep found are revoked now: by their rows, not by what the Map says of itself."""

import msgspec

from functions.shared import objects
from functions.shared.aws import client, translated
from functions.shared.items import to_plain
from workflows.admission.errors import AwsUnavailable
from workflows.revocation.sweep import Found, Item

_BATCH, _TRIES = 100, 10


def outcomes(table: str, found: Found) -> tuple[int, int, int]:
    """Revoked, still open, left. Raises `AwsUnavailable`, `AccessRefused`."""
    if not found.revoked:
        return 0, 0, 0
    kept = objects.read(found.bucket, found.key)
    if kept is None:
        raise AwsUnavailable(f"{found.key} is not in the bucket (yet).")
    ids = list(dict.fromkeys(item.certificate_id for item in msgspec.json.decode(kept.data, type=list[Item])))
    rows = [row for at in range(0, len(ids), _BATCH) for row in _batch(table, ids[at : at + _BATCH])]
    revoked = sum(row["outcome"] == "refused" for row in rows)
    still_open = sum(row["outcome"] == "open" for row in rows)
    return revoked, still_open, sum(row["outcome"] in ("admitted", "failed") for row in rows)


def _batch(table: str, ids: list[str]) -> list[dict[str, str]]:
    request = {
        table: {
            "Keys": [{"certificate_id": {"S": one}} for one in ids],
            "ConsistentRead": True,
            "ProjectionExpression": "certificate_id, outcome",
        }
    }
    found: list[dict[str, str]] = []
    for _ in range(_TRIES):
        with translated():
            answer = client("dynamodb").batch_get_item(RequestItems=request)
        found += [to_plain(item) for item in answer["Responses"].get(table, [])]
        request = answer.get("UnprocessedKeys") or {}
        if not request:
            return found
    raise AwsUnavailable(f"{table} is throttled: {len(found)} of {len(ids)} rows were read in {_TRIES} tries.")
