"""Ten thousand open requests: the inbox is paged, and its first page is there at once."""

import itertools
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from playwright.sync_api import expect

from functions.shared.approvals import _key, _request_item
from gatehouse.demo.stage import Stage
from tests.approvals import request
from tests.web.approvals.conftest import ADA, People
from workflows.approval.request import approval_id

pytestmark = [pytest.mark.browser, pytest.mark.local_cloud]

MANY = 10_000
WITHIN_SECONDS = 1.0
TRIES = 40


@pytest.fixture
def ten_thousand(stage: Stage) -> None:
    """Written as the function writes them. They stay: this cloud ends with these tests, and this file is the last of them."""
    ids = [approval_id(f"arn:{number}", "c") for number in range(MANY)]
    _write(stage, ({"PutRequest": {"Item": _item(identity)}} for identity in ids))


def test_the_first_page_of_ten_thousand_comes_within_a_second(people: People, stage: Stage, ten_thousand: None) -> None:
    """As soon as one try shows it: whatever else runs on this machine only makes it slower."""
    ada = people.visit(ADA)
    taken: list[float] = []
    while min(taken, default=WITHIN_SECONDS) >= WITHIN_SECONDS and len(taken) < TRIES:
        began = time.perf_counter()
        ada.goto(people.inbox, wait_until="domcontentloaded")
        taken.append(time.perf_counter() - began)
    expect(ada.locator(".row")).to_have_count(25)
    expect(ada.get_by_role("link", name="Next page")).to_be_visible()
    assert min(taken) < WITHIN_SECONDS, taken


def _item(identity: str) -> dict[str, Any]:
    made = request(at=datetime.now(UTC) - timedelta(minutes=5))
    return {**_request_item(replace(made, approval_id=identity)), **_key(identity, "request")}


def _write(stage: Stage, changes: Iterator[dict[str, Any]]) -> None:
    table = stage.target.output("ApprovalsTable")
    while batch := list(itertools.islice(changes, 25)):
        answer = stage.target.client("dynamodb").batch_write_item(RequestItems={table: batch})
        assert not answer.get("UnprocessedItems")
