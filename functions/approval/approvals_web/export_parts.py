"""Writes the requests that a search found as a file, one part at a time: CSV for spreadsheets, or JSON with every signature and the
whole history.

The response of a Lambda has at most six megabytes, and its body is JSON-encoded once more inside it. A part ends well below that
limit, and says where the next one begins.
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
"""The size of one part, as it is encoded in the Lambda's response. The last request of a part may exceed it a little."""


class Part(Struct, frozen=True, kw_only=True):
    """`cursor` is where the next part begins; None for the last part."""

    text: str
    cursor: str | None


def as_csv(requests: Approvals, wanted: Wanted, *, cursor: str | None, limit: int, at: datetime) -> Part:
    """Returns a part as CSV (RFC 4180). Raises `CursorInvalid`.

    Only the first part begins with the columns' names and with a byte order mark, by which Excel recognizes UTF-8. So all parts
    together are one file.
    """
    head = table.csv_lines([], at=at, head=cursor is None)
    mark = "\ufeff" if head else ""

    def line(request: Request) -> str:
        return table.csv_lines([request], at=at, head=False)[0]

    lines, left = _filled(search(requests.table, wanted, cursor=cursor, at=at), limit, line)
    return Part(text="".join((mark, *head, *lines)), cursor=left)


def as_json(requests: Approvals, wanted: Wanted, *, cursor: str | None, limit: int, at: datetime) -> Part:
    """Returns a part as ``{"approvals": [...], "cursor"}``: each request with its rule, signatures and history. Raises `CursorInvalid`.

    A history longer than one page has an `events_cursor`, from which ``/api/approvals/<id>/events`` continues.
    """

    def whole(request: Request) -> str:
        return msgspec.json.encode(_whole(requests, request, at)).decode()

    encoded, left = _filled(search(requests.table, wanted, cursor=cursor, at=at), limit, whole)
    return Part(text=f'{{"approvals": [{", ".join(encoded)}], "cursor": {json.dumps(left)}}}', cursor=left)


def _filled(walk: Walk, limit: int, encode: Callable[[Request], str]) -> tuple[list[str], str | None]:
    """Returns as many encoded requests as fit into a part, and where the next part begins."""
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
