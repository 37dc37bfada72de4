"""The result for a list that was handed in: stored beside the list for the caller that waits, and an event if the list is rejected."""

from datetime import datetime

import msgspec

from functions.shared import objects
from workflows.events import RevocationListRejected
from workflows.revocation import current_lists
from workflows.revocation.current_lists import Current, KeptAside, Published, Result
from workflows.revocation.publication import Rejected


def accept(bucket: str, key: str, current: Current, sweep: str | None, at: datetime) -> Published:
    """Store the result for an accepted list, and return it. Raises `AwsUnavailable`, `AccessRefused`."""
    published = Published(
        incoming=key,
        list_key=current_lists.list_key(current.record),
        record=current.record,
        entries=current.entries,
        at=at,
        sweep=sweep,
    )
    _write(bucket, current_lists.result_key(key, "accepted"), published)
    return published


def keep_aside(bucket: str, key: str, rejected: Rejected, at: datetime) -> KeptAside:
    """Copy the list below ``rejected/``, with the reason beside it. Raises `AwsUnavailable`, `AccessRefused`."""
    kept = KeptAside(incoming=key, clause=rejected.clause, reason=rejected.reason, sha256=rejected.sha256, at=at)
    report = current_lists.result_key(key, "rejected")
    if objects.size(bucket, key) is not None:
        objects.copy(bucket, key, report.removesuffix(".json"))
    _write(bucket, report, kept)
    return kept


def rejection(kept: KeptAside) -> RevocationListRejected:
    """Returns the event for programs and people. A repeat has the same `incoming`."""
    return RevocationListRejected(
        incoming=kept.incoming, clause=kept.clause, reason=kept.reason, sha256=kept.sha256, at=kept.at
    )


def _write(bucket: str, key: str, result: Result) -> None:
    objects.write(bucket, key, msgspec.json.encode(result), "application/json")
