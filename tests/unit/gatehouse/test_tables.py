"""Batches: what DynamoDB hands back is tried again, and given up with a message."""

import itertools
from typing import Any

import pytest

from gatehouse.stack import tables
from gatehouse.stack.target import Target
from workflows.dynamodb_items import to_item, to_plain


class Throttled:
    """A DynamoDB that reads one key of each call and hands back the rest."""

    def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        (table, wanted), *_ = RequestItems.items()
        keys = wanted["Keys"]
        left = {**wanted, "Keys": keys[1:]}
        return {"Responses": {table: keys[:1]}, "UnprocessedKeys": {table: left} if keys[1:] else {}}


def test_keys_handed_back_are_read_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("gatehouse.stack.tables.time.sleep", waits.append)
    found = tables.read_batch(Throttled(), "Inventory", [{"lookup_key": str(number)} for number in range(5)])
    assert [item["lookup_key"] for item in found] == ["0", "1", "2", "3", "4"]
    assert len(waits) == 4
    assert all(0 <= wait <= 5 for wait in waits)


def test_batches_lose_nothing() -> None:
    parts = list(tables.batches(range(53), 25))
    assert [len(part) for part in parts] == [25, 25, 3]
    assert list(itertools.chain(*parts)) == list(range(53))


def test_items_are_read_back_as_they_were() -> None:
    value = {"a": "x", "n": 3, "l": ["p", "q"], "m": {"k": "v"}, "b": True, "gone": None}
    assert to_plain(to_item(value)) == {key: part for key, part in value.items() if part is not None}


@pytest.mark.parametrize(
    ("stands", "compared", "written"),
    [
        (None, None, True),
        ({"a": "x"}, None, False),
        ({"a": "x", "n": 3}, {"a": "x", "n": 3}, True),
        ({"a": "x", "n": 3}, {"a": "x", "n": 4}, False),
        ({"a": "x"}, {"a": "x", "n": 4}, False),
        (None, {"a": "x"}, False),
        ({"a": "x", "new": "by somebody"}, {"a": "x"}, False),
        ({"a": "x", "m": {"k": ["v"]}}, {"a": "x", "m": {"k": ["v"]}}, True),
    ],
)
def test_an_item_is_put_only_over_what_was_compared(
    target: Target, stands: dict[str, Any] | None, compared: dict[str, Any] | None, written: bool
) -> None:
    dynamodb, table, key = target.client("dynamodb"), target.output("InventoryTable"), {"lookup_key": "k"}
    if stands is not None:
        dynamodb.put_item(TableName=table, Item=to_item(key | stands))
    there = None if compared is None else key | compared
    assert tables.put_over(dynamodb, table, key | {"new": "ours"}, there, key="lookup_key") is written
    found = dynamodb.get_item(TableName=table, Key=to_item(key)).get("Item")
    assert (found is not None and to_plain(found) == key | {"new": "ours"}) is written
