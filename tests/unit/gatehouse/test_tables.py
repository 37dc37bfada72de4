"""Batches: what DynamoDB hands back is tried again, and given up with a message."""

import itertools
from typing import Any

import pytest

from gatehouse import tables
from gatehouse.errors import Unreachable


class Throttled:
    """A DynamoDB that takes one item of each write and hands back the rest, for the first `calls` calls."""

    def __init__(self, calls: int) -> None:
        self.calls = calls
        self.taken: list[Any] = []

    def batch_write_item(self, RequestItems: dict[str, list[Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        (table, requests), *_ = RequestItems.items()
        self.calls -= 1
        taken = 1 if self.calls >= 0 else len(requests)
        self.taken += requests[:taken]
        return {"UnprocessedItems": {table: requests[taken:]} if requests[taken:] else {}}

    def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        (table, wanted), *_ = RequestItems.items()
        keys = wanted["Keys"]
        left = {**wanted, "Keys": keys[1:]}
        return {"Responses": {table: keys[:1]}, "UnprocessedKeys": {table: left} if keys[1:] else {}}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waits: list[float] = []
    monkeypatch.setattr("gatehouse.tables.time.sleep", waits.append)
    return waits


def test_items_handed_back_are_written_in_the_end(no_waiting: list[float]) -> None:
    dynamodb = Throttled(calls=3)
    items = [{"n": {"S": str(number)}} for number in range(10)]
    tables.write_batch(dynamodb, "Inventory", items)
    assert [request["PutRequest"]["Item"] for request in dynamodb.taken] == items
    assert len(no_waiting) == 3
    assert all(0 <= wait <= 5 for wait in no_waiting)


def test_writing_is_given_up_with_a_message() -> None:
    with pytest.raises(Unreachable, match="Import again"):
        tables.write_batch(Throttled(calls=99), "Inventory", [{"n": {"S": str(number)}} for number in range(25)])


def test_keys_handed_back_are_read_in_the_end() -> None:
    found = tables.read_batch(Throttled(calls=0), "Inventory", [{"lookup_key": str(number)} for number in range(5)])
    assert [item["lookup_key"] for item in found] == ["0", "1", "2", "3", "4"]


def test_batches_lose_nothing() -> None:
    parts = list(tables.batches(range(53), 25))
    assert [len(part) for part in parts] == [25, 25, 3]
    assert list(itertools.chain(*parts)) == list(range(53))


def test_items_are_read_back_as_they_were() -> None:
    value = {"a": "x", "n": 3, "l": ["p", "q"], "m": {"k": "v"}, "b": True, "gone": None}
    assert tables.to_plain(tables.to_item(value)) == {key: part for key, part in value.items() if part is not None}
