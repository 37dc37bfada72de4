"""Lists from several sources, merged in order of time. Reading can stop anywhere: a cursor holds the position in each source."""

import heapq
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from functions.approval.approvals_web import client_state
from functions.approval.approvals_web.answers import Denied
from functions.shared.approval_index import Entry, Position
from workflows.approval.request import Request

MOST_READ = 1000
"""At most this many requests are read for one page. So a page may be short or empty, and still have a next page."""

Id = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
Time = Annotated[str, Meta(pattern=r"^2[0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z\Z")]
"""As `functions.shared.timestamps.stamp` writes it."""


class CursorInvalid(Denied):
    """The cursor is not one that this list returned."""

    def __init__(self, message: str) -> None:
        super().__init__("bad_cursor", message)


class Page(Struct, frozen=True, kw_only=True):
    """`cursor` is None on the last page."""

    requests: tuple[Request, ...]
    cursor: str | None


class _Cursor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The position in each source of the list `of`. It comes from a browser, so it is read as strictly as any other input."""

    of: str
    after: dict[str, tuple[Id, Time]]


Source = Callable[[Position | None], Iterator[Entry]]
"""Reads one source from a position on; None means from the start."""


class Walk:
    """Reads the list that is called `of`. This name includes everything else that the list depends on. Raises `CursorInvalid`.

    Yields each request that `belongs`, and None for each that does not. `cursor` is the position before the last one that was yielded.
    So a caller that has no room for that one stops there.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        *,
        of: str,
        newest_first: bool,
        belongs: Callable[[Request], bool],
        cursor: str | None,
    ) -> None:
        self._of = of
        self._belongs = belongs
        self._after: dict[str, Position] = dict(_read(cursor, of, sources)) if cursor else {}
        tagged = [_tagged(name, source(self._after.get(name))) for name, source in sources.items()]
        self._merged = heapq.merge(*tagged, key=lambda pair: _order(pair[1]), reverse=newest_first)

    def __iter__(self) -> Iterator[Request | None]:
        for name, one in self._merged:
            yield one.request if one.request is not None and self._belongs(one.request) else None
            self._after[name] = one.position

    @property
    def cursor(self) -> str:
        return client_state.write(_Cursor(of=self._of, after=self._after))


def page(walk: Walk, limit: int) -> Page:
    """Returns the next requests of `walk`, at most `limit`."""
    requests: list[Request] = []
    for read, request in enumerate(walk):
        if len(requests) == limit or read == MOST_READ:
            return Page(requests=tuple(requests), cursor=walk.cursor)
        if request is not None:
            requests.append(request)
    return Page(requests=tuple(requests), cursor=None)


def _tagged(name: str, entries: Iterator[Entry]) -> Iterator[tuple[str, Entry]]:
    return ((name, entry) for entry in entries)


def _order(entry: Entry) -> str:
    return entry.position[1]


def _read(text: str, of: str, sources: Mapping[str, Source]) -> Mapping[str, Position]:
    cursor = client_state.read(text, _Cursor)
    if cursor is None:
        raise CursorInvalid("This cursor is not valid. Start again without it.")
    if cursor.of != of or not set(cursor.after) <= set(sources):
        raise CursorInvalid("This cursor belongs to another list or search. Start again without it.")
    return cursor.after


def moments(since: datetime | None, until: datetime | None) -> str:
    """Returns the range of time that a list is limited to, as a part of its name."""
    return f"{since.isoformat() if since else ''}..{until.isoformat() if until else ''}"
