"""The tabs of the inbox: mine, waiting for others, decided, not carried out.

They are read page by page, so that a page stays fast with many open requests.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Literal, get_args

from functions.approval.approvals_web import paging
from functions.approval.approvals_web.paging import Page, Walk
from functions.shared.approval_index import Entry, Index, Position, entries
from workflows.approval.request import Request
from workflows.approval.votes import Voter, ways

Tab = Literal["mine", "waiting", "decided", "not_carried_out"]
TABS: dict[str, Tab] = {tab: tab for tab in get_args(Tab)}

_SOURCES: dict[Tab, tuple[Index, tuple[str, ...], bool]] = {
    "mine": ("by_status", ("PENDING",), False),
    "waiting": ("by_status", ("PENDING",), False),
    "decided": ("by_status", ("APPROVED", "REJECTED", "EXPIRED"), True),
    "not_carried_out": ("by_owed", ("LOST",), True),
}


def page(table: str, tab: Tab, voter: Voter, *, cursor: str | None, limit: int, at: datetime) -> Page:
    """Returns one page of `tab`: open requests oldest first, the others newest first. Raises `CursorInvalid`."""
    index, values, newest_first = _SOURCES[tab]
    walk = Walk(
        {value: partial(_source, table, index, value, newest_first) for value in values},
        of=tab,
        newest_first=newest_first,
        belongs=_belongs(tab, voter, at),
        cursor=cursor,
    )
    return paging.page(walk, limit)


def _source(table: str, index: Index, value: str, newest_first: bool, after: Position | None) -> Iterator[Entry]:
    return entries(table, index, value, after=after, newest_first=newest_first)


def _belongs(tab: Tab, voter: Voter, at: datetime) -> Callable[[Request], bool]:
    match tab:
        case "mine":
            return lambda request: bool(ways(request, voter, at=at))
        case "waiting":
            return lambda request: not ways(request, voter, at=at)
        case "decided" | "not_carried_out":
            return lambda _: True
