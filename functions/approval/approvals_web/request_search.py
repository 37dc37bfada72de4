"""Finds requests by device, person, status and time. Newest first, page by page, by indexes and never by a scan."""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Literal, get_args

from msgspec import Struct

from functions.approval.approvals_web import paging
from functions.approval.approvals_web.paging import Source, Walk
from functions.shared.approval_index import Entry, Index, Position, entries, name_in_index
from workflows.approval.request import Request

Status = Literal["pending", "approved", "rejected", "expired", "not_carried_out"]
STATUSES: dict[str, Status] = {status: status for status in get_args(Status)}

_OF_STATUS: dict[Status, tuple[Index, tuple[str, ...]]] = {
    "pending": ("by_status", ("PENDING",)),
    "approved": ("by_status", ("APPROVED",)),
    "rejected": ("by_status", ("REJECTED",)),
    "expired": ("by_status", ("EXPIRED", "PENDING")),  # an overdue request may not be marked as expired yet
    "not_carried_out": ("by_owed", ("LOST",)),
}
_ALL = ("PENDING", "APPROVED", "REJECTED", "EXPIRED")


class Wanted(Struct, frozen=True, kw_only=True):
    """The filters of a search. A request must match all that are given.

    `device` is an exact name. `person` voted, was voted for, or entered the device. The approval was requested at or after `since`, and
    before `until`.
    """

    device: str = ""
    person: str = ""
    status: Status | None = None
    since: datetime | None = None
    until: datetime | None = None


def search(table: str, wanted: Wanted, *, cursor: str | None, at: datetime) -> Walk:
    """Returns all requests that match, read only as far as the caller reads. Raises `CursorInvalid`."""
    return Walk(
        _sources(table, wanted),
        of="\n".join(
            ("search", wanted.device, wanted.person, wanted.status or "", paging.moments(wanted.since, wanted.until))
        ),
        newest_first=True,
        belongs=_belongs(wanted, at),
        cursor=cursor,
    )


def _sources(table: str, wanted: Wanted) -> dict[str, Source]:
    """Returns the narrowest index for the search. The other filters are checked request by request."""
    if wanted.person:
        name = name_in_index(wanted.person)
        return {"person": partial(_read, table, "by_person", name, wanted)} if name else {}
    if wanted.device:
        return {"device": partial(_read, table, "by_device", wanted.device, wanted)}
    index, values = _OF_STATUS[wanted.status] if wanted.status else ("by_status", _ALL)
    return {value: partial(_read, table, index, value, wanted) for value in values}


def _read(table: str, index: Index, value: str, wanted: Wanted, after: Position | None) -> Iterator[Entry]:
    by_request = index != "by_owed"  # by_owed is sorted by the time of the decision
    return entries(
        table,
        index,
        value,
        after=after,
        newest_first=True,
        since=wanted.since if by_request else None,
        until=wanted.until if by_request else None,
    )


def _belongs(wanted: Wanted, at: datetime) -> Callable[[Request], bool]:
    def fits(request: Request) -> bool:
        in_time = (wanted.since is None or request.requested_at >= wanted.since) and (
            wanted.until is None or request.requested_at < wanted.until
        )
        return in_time and wanted.device in {"", request.device} and wanted.status in {None, *_status(request, at)}

    return fits


def _status(request: Request, at: datetime) -> tuple[Status, ...]:
    lost: tuple[Status, ...] = ("not_carried_out",) if request.resume_state == "LOST" else ()
    if request.status == "EXPIRED" or request.overdue(at):
        return ("expired", *lost)
    match request.status:
        case "PENDING":
            return ("pending",)
        case "APPROVED":
            return ("approved", *lost)
    return ("rejected", *lost)
