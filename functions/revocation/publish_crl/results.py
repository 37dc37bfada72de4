"""What became of a list that was handed in: written beside it for whoever waits, and an event if it does not count."""

from datetime import datetime

import msgspec

from functions.shared import objects
from workflows.events import RevocationListRejected
from workflows.revocation import manifest
from workflows.revocation.manifest import Current, KeptAside, Published, Result
from workflows.revocation.publication import Rejected


def accept(bucket: str, key: str, current: Current, sweep: str | None, at: datetime) -> Published:
    """Raises `AwsUnavailable`, `AccessRefused`."""
    published = Published(
        incoming=key,
        list_key=manifest.list_key(current.record),
        record=current.record,
        entries=current.entries,
        at=at,
        sweep=sweep,
    )
    _write(bucket, manifest.result_key(key, "accepted"), published)
    return published


def keep_aside(bucket: str, key: str, rejected: Rejected, at: datetime) -> KeptAside:
    """Copy the list below ``rejected/``, with the reason beside it. Raises `AwsUnavailable`, `AccessRefused`."""
    kept = KeptAside(incoming=key, clause=rejected.clause, reason=rejected.reason, sha256=rejected.sha256, at=at)
    report = manifest.result_key(key, "rejected")
    if objects.size(bucket, key) is not None:
        objects.copy(bucket, key, report.removesuffix(".json"))
    _write(bucket, report, kept)
    return kept


def rejection(kept: KeptAside) -> RevocationListRejected:
    """The event for programs and people. `incoming` tells a repeat."""
    return RevocationListRejected(
        incoming=kept.incoming, clause=kept.clause, reason=kept.reason, sha256=kept.sha256, at=kept.at
    )


def _write(bucket: str, key: str, result: Result) -> None:
    objects.write(bucket, key, msgspec.json.encode(result), "application/json")
