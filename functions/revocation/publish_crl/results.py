"""What became of a list that was handed in: written beside it for whoever waits, and told to people if it is bad news."""

from datetime import datetime

import msgspec

from functions.shared import objects
from functions.shared.messages import Messages
from workflows.revocation import current_lists
from workflows.revocation.current_lists import Current, KeptAside, Published, Result
from workflows.revocation.publication import Rejected

DETAIL_TYPE = "Gatehouse Revocation List Rejected"


def accept(bucket: str, key: str, current: Current, sweep: str | None, at: datetime) -> Published:
    """Raises `AwsUnavailable`, `AccessRefused`."""
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


def tell(messages: Messages, kept: KeptAside) -> None:
    """Programs first: they can tell a repeat by its key, people cannot. Raises `AwsUnavailable`."""
    messages.event(DETAIL_TYPE, kept)
    messages.mail(
        "Gatehouse: a revocation list was rejected",
        f"{kept.incoming} does not count.\n\nRule:   {kept.clause}\nReason: {kept.reason}\nSHA-256: {kept.sha256 or 'not read'}\n\n"
        f"It is kept as {current_lists.result_key(kept.incoming, 'rejected')}. The list published before it stays current until it goes "
        "stale; after that every device of the CA is held. See: gatehouse crl status",
        kind="crl_rejected",
    )


def _write(bucket: str, key: str, result: Result) -> None:
    objects.write(bucket, key, msgspec.json.encode(result), "application/json")
