"""The lists: mine, waiting for others, decided, not carried out. Read page by page, so that ten thousand open requests do not hurt."""

import base64
import heapq
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from functions.shared.approval_index import Index, position, requests
from workflows.approval.request import Request
from workflows.approval.votes import Voter, ways
from workflows.errors import BadInput

Lane = Literal["mine", "waiting", "decided", "not_carried_out"]
LANES: dict[str, Lane] = {lane: lane for lane in get_args(Lane)}
MOST_READ = 1000
"""So many requests are looked at for one page, at most: a page may be short, or empty, and still have a next one."""

_SOURCES: dict[Lane, tuple[Index, tuple[str, ...], bool]] = {
    "mine": ("by_status", ("PENDING",), False),
    "waiting": ("by_status", ("PENDING",), False),
    "decided": ("by_status", ("APPROVED", "REJECTED", "EXPIRED"), True),
    "not_carried_out": ("by_owed", ("LOST",), True),
}

_Id = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
_Time = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]


class _Cursor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where each of a lane's sources was left. It comes back from a browser, so it is read as strictly as a stranger's."""

    lane: Lane
    after: dict[Literal["PENDING", "APPROVED", "REJECTED", "EXPIRED", "LOST"], tuple[_Id, _Time]]


class CursorInvalid(BadInput):
    """The cursor is none that we gave out for this lane."""


class Page(Struct, frozen=True, kw_only=True):
    """`cursor` is None on the last page."""

    requests: tuple[Request, ...]
    cursor: str | None


def page(table: str, lane: Lane, voter: Voter, *, cursor: str | None, limit: int, at: datetime) -> Page:
    """One page of `lane`: open requests oldest first, the others newest first. Raises `CursorInvalid`."""
    index, values, newest_first = _SOURCES[lane]
    after = dict(_read(cursor, lane).after) if cursor else {}
    sources = [
        _tagged(value, requests(table, index, value, after=after.get(value), newest_first=newest_first))  # type: ignore[call-overload]
        for value in values
    ]
    merged = heapq.merge(*sources, key=lambda pair: _time(pair[1], index), reverse=newest_first)
    belongs = _belongs(lane, voter, at)
    found: list[Request] = []
    for read, (value, request) in enumerate(merged):
        if len(found) == limit or read == MOST_READ:
            return Page(requests=tuple(found), cursor=_write(_Cursor(lane=lane, after=after)))
        after[value] = position(index, request)  # type: ignore[index]
        if belongs(request):
            found.append(request)
    return Page(requests=tuple(found), cursor=None)


def _belongs(lane: Lane, voter: Voter, at: datetime) -> Callable[[Request], bool]:
    match lane:
        case "mine":
            return lambda request: bool(ways(request, voter, at=at))
        case "waiting":
            return lambda request: not ways(request, voter, at=at)
        case "decided" | "not_carried_out":
            return lambda _: True


def _tagged(value: str, found: Iterator[Request]) -> Iterator[tuple[str, Request]]:
    return ((value, request) for request in found)


def _time(request: Request, index: Index) -> datetime:
    return request.requested_at if index == "by_status" or request.decided_at is None else request.decided_at


def _write(cursor: _Cursor) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def _read(text: str, lane: Lane) -> _Cursor:
    try:
        cursor = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=_Cursor)
    except (ValueError, msgspec.DecodeError) as error:
        raise CursorInvalid("This cursor is not one of ours. Start again without it.") from error
    if cursor.lane != lane or not set(cursor.after) <= set(_SOURCES[lane][1]):
        raise CursorInvalid(f"This cursor belongs to the lane {cursor.lane}, not to {lane}. Start again without it.")
    return cursor
