"""What was found, as a file: CSV for spreadsheets, JSON with every signature and the whole history. A part at a time.

A Lambda answers six megabytes at most, and what it answers is quoted once more on its way: a part ends well before, and says where
the next one begins.
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from functions.approval.approvals_web.paging import MOST_READ, Walk
from functions.approval.approvals_web.request_search import Wanted, search
from functions.shared import request_history
from functions.shared.approvals import Approvals
from workflows.approval import table, wording
from workflows.approval.quorum import progress
from workflows.approval.request import Request

MOST_BYTES = 3_000_000
"""Of one part, as it is quoted in the Lambda's answer; the last request that was added may go a little beyond."""


class Part(Struct, frozen=True, kw_only=True):
    """`cursor` is where the next part begins; None if this is the last."""

    text: str
    cursor: str | None


def as_csv(requests: Approvals, wanted: Wanted, *, cursor: str | None, limit: int, at: datetime) -> Part:
    """RFC 4180. Only the first part begins with a byte order mark, by which Excel knows UTF-8, and the columns' names: the parts make up
    one file. Raises `CursorInvalid`.
    """
    head = table.csv_lines([], at=at, head=cursor is None)
    mark = "\ufeff" if head else ""

    def line(request: Request) -> str:
        return table.csv_lines([request], at=at, head=False)[0]

    lines, left = _filled(search(requests.table, wanted, cursor=cursor, at=at), limit, line)
    return Part(text="".join((mark, *head, *lines)), cursor=left)


def as_json(requests: Approvals, wanted: Wanted, *, cursor: str | None, limit: int, at: datetime) -> Part:
    """``{"approvals": [...], "cursor"}``: each request with its rule, signatures and history. A history of more than a page has an
    `events_cursor`, from which ``/api/approvals/<id>/events`` goes on. Raises `CursorInvalid`.
    """

    def whole(request: Request) -> str:
        return msgspec.json.encode(_whole(requests, request, at)).decode()

    encoded, left = _filled(search(requests.table, wanted, cursor=cursor, at=at), limit, whole)
    return Part(text=f'{{"approvals": [{", ".join(encoded)}], "cursor": {json.dumps(left)}}}', cursor=left)


def _filled(walk: Walk, limit: int, encode: Callable[[Request], str]) -> tuple[list[str], str | None]:
    """As many as fit, and where the next part begins."""
    parts: list[str] = []
    size = 0
    for read, request in enumerate(walk):
        if len(parts) == limit or size > MOST_BYTES or read == MOST_READ:
            return parts, walk.cursor
        if request is not None:
            parts.append(encode(request))
            size += len(json.dumps(parts[-1]))
    return parts, None


def _whole(requests: Approvals, request: Request, at: datetime) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(request)
    for inner in ("version", "generation", "token_sha256"):
        plain.pop(inner)
    parts = progress(request.ruling, request.approvals, requested_at=request.requested_at)
    events = request_history.events(requests.table, request.approval_id)
    return {
        **plain,
        "overdue": request.overdue(at),
        "sentence": wording.sentence(request, at=at),
        "requirements": parts,
        "events": events.events,
        "events_cursor": events.left,
    }
