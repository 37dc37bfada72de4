"""Searches admissions, and counts them by outcome."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from msgspec import Struct

from gatehouse.admission import admissions
from gatehouse.admission.admissions import STANDINGS, Admission, Standing
from gatehouse.stack.target import Target
from workflows.dynamodb_items import to_item

MOST_ROWS = 200
_NEWEST = 500
"""A part of a device's name is searched for among this many of the newest: the index has only whole names."""
_PAGES_COUNTED = 10

_CERTIFICATE = re.compile(r"[0-9a-f]{64}")


class SearchResult(Struct, frozen=True, kw_only=True):
    """Admissions, newest first. `complete` is False if there may be more matches."""

    admissions: tuple[Admission, ...]
    complete: bool


class Funnel(Struct, frozen=True, kw_only=True):
    """How many executions knocks have started, how many certificates have an admission, and their outcomes.

    `waiting` are those of `open` that wait for people. `not_started` are registration events that the topic rule could not put into its
    queue. `complete` is False if not all rows were counted; then the numbers are minimums.
    """

    knocks: int
    claimed: int
    open: int
    waiting: int
    admitted: int
    refused: int
    held: int
    failed: int
    not_started: int
    complete: bool


def search(target: Target, words: str, outcome: Standing | None) -> SearchResult:
    """Admissions that match a device (name or part of it), a common name, or a certificate (id, or six or more first digits); or all."""
    words = words.strip()
    if not words:
        newest = admissions.list_newest(target, outcome=outcome, limit=MOST_ROWS + 1)
        return SearchResult(admissions=tuple(newest[:MOST_ROWS]), complete=len(newest) <= MOST_ROWS)
    matches: dict[str, Admission] = {}
    complete = True
    if _CERTIFICATE.fullmatch(words.lower()):
        one = admissions.by_certificate(target, words.lower())
        matches = {one.certificate_id: one} if one else {}
    else:
        newest = admissions.list_newest(target, limit=_NEWEST)
        complete = len(newest) < _NEWEST
        exact = admissions.list_newest(target, device=words, limit=MOST_ROWS)
        named = [one for one in newest if words.lower() in (one.device or "").lower()]
        common = admissions.by_common_name(target, words, limit=MOST_ROWS)
        is_prefix = admissions.PREFIX.fullmatch(words.lower())
        begun = admissions.by_prefix(target, words.lower(), limit=MOST_ROWS) if is_prefix else []
        matches = {one.certificate_id: one for one in (*exact, *common, *named, *begun)}
    rows = [one for one in matches.values() if outcome in (None, one.outcome)]
    rows.sort(key=lambda one: str(one.claimed_at), reverse=True)
    return SearchResult(admissions=tuple(rows[:MOST_ROWS]), complete=complete and len(rows) <= MOST_ROWS)


def funnel(target: Target) -> Funnel:
    """Count the admissions with the table's index."""
    knocks, complete = 0, True
    counts: dict[str, int] = {}
    for outcome in STANDINGS:
        counts[outcome] = 0
        for number, page in enumerate(_outcome_pages(target, outcome)):
            if number == _PAGES_COUNTED:
                complete = False
                break
            counts[outcome] += len(page["Items"])
            knocks += sum(int(item["knocks"]["N"]) for item in page["Items"] if "knocks" in item)
    return Funnel(
        knocks=knocks,
        claimed=sum(counts.values()),
        waiting=_count_waiting(target),
        not_started=_count_not_started(target),
        complete=complete,
        **counts,
    )


def _outcome_pages(target: Target, outcome: str) -> Iterator[dict[str, Any]]:
    paginator = target.client("dynamodb").get_paginator("query")
    pages: Iterable[dict[str, Any]] = paginator.paginate(
        TableName=target.output("AdmissionsTable"),
        IndexName="by_outcome",
        KeyConditionExpression="outcome = :outcome",
        ProjectionExpression="knocks",
        ExpressionAttributeValues=to_item({":outcome": outcome}),
    )
    return islice(pages, _PAGES_COUNTED + 1)


def _count_waiting(target: Target) -> int:
    pages = (
        target.client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=target.output("ApprovalsTable"),
            IndexName="by_status",
            KeyConditionExpression="#status = :pending",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues=to_item({":pending": "PENDING"}),
            Select="COUNT",
        )
    )
    return sum(page["Count"] for page in islice(pages, _PAGES_COUNTED))


def _count_not_started(target: Target) -> int:
    answer = target.client("sqs").get_queue_attributes(
        QueueUrl=target.output("RuleErrorQueueUrl"), AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])
