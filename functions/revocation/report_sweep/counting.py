"""How many of the certificates that the sweep found are revoked now: from their rows, not from the result of the Map."""

from typing import TypeVar

from functions.shared import batch_reads, objects
from workflows import stored
from workflows.errors import AwsUnavailable
from workflows.revocation.sweep import IN, AuthorityItem, FindResult, Item

T = TypeVar("T", Item, AuthorityItem)


def outcomes(table: str, found: FindResult) -> tuple[int, int, int]:
    """Returns three numbers: revoked, still open, left. Raises `AwsUnavailable`, `AccessRefused`."""
    if not found.revoked:
        return 0, 0, 0
    if found.authority is not None:
        return _of_authority(table, _items(found, AuthorityItem))
    ids = list(dict.fromkeys(item.certificate_id for item in _items(found, Item)))
    rows = list(batch_reads.admissions(table, ids, "certificate_id", "outcome"))
    revoked = sum(row["outcome"] == "refused" for row in rows)
    still_open = sum(row["outcome"] == "open" for row in rows)
    return revoked, still_open, sum(row["outcome"] in IN - {"open"} for row in rows)


def _of_authority(table: str, items: list[AuthorityItem]) -> tuple[int, int, int]:
    """A certificate that was refused before does not count as revoked: only `closed_by` shows it. All that is not shown as done is left.

    The latest record does not show it, since the sweep of a list may seal its own record after that of the CA.
    """
    marks = {item.certificate_id: item.mark for item in items}
    rows = list(batch_reads.admissions(table, list(marks), "certificate_id", "outcome", "closed_by"))
    revoked = sum(row.get("closed_by") == marks[row["certificate_id"]] for row in rows)
    still_open = sum(row["outcome"] == "open" for row in rows)
    return revoked, still_open, len(marks) - revoked - still_open


def _items(found: FindResult, kind: type[T]) -> list[T]:
    kept = objects.read(found.bucket, found.key)
    if kept is None:
        raise AwsUnavailable(f"{found.key} is not in the bucket (yet).")
    return stored.read(kept.data, list[kind], most=objects.MOST)  # type: ignore[valid-type]
