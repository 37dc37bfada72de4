"""Reads a search query from a browser or a program into `Wanted`, and returns its results as a page or as a file."""

from datetime import datetime
from urllib.parse import urlencode

from aws_lambda_powertools.event_handler import Response

from functions.approval.approvals_web import export_parts, paging, request_input, resources
from functions.approval.approvals_web.answers import Denied
from functions.approval.approvals_web.request_search import STATUSES, Wanted, search
from workflows.admission.inventory_cells import moment

PART, MOST_OF_A_PART = 200, 1000
MOST_NAME = 256
"""Characters. No name of a device or a person is longer, and DynamoDB accepts this length as a key."""


def page(query: dict[str, str], limit: int, at: datetime) -> paging.Page:
    """Returns one page of the requests that match `query`. Raises `Denied`."""
    return paging.page(search(resources.approvals().table, _wanted(query), cursor=query.get("cursor"), at=at), limit)


def export(query: dict[str, str], at: datetime) -> Response[str]:
    """Returns one part of the requests that match `query`, as a file. Raises `Denied`."""
    form = query.get("format", "csv")
    if form not in {"csv", "json"}:
        raise Denied("bad_request", f"format is {form[:40]!r}. Expected csv or json.")
    made = export_parts.as_csv if form == "csv" else export_parts.as_json
    limit = request_input.limit(query, PART, MOST_OF_A_PART)
    part = made(resources.approvals(), _wanted(query), cursor=query.get("cursor"), limit=limit, at=at)
    return _file(form, part, query)


def _file(form: str, part: export_parts.Part, query: dict[str, str]) -> Response[str]:
    headers: dict[str, str | list[str]] = {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": f'attachment; filename="approvals.{form}"',
    }
    if part.cursor is not None:
        following = urlencode({**query, "cursor": part.cursor})
        headers |= {"Link": f'</api/export?{following}>; rel="next"', "Gatehouse-Cursor": part.cursor}
    kinds = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
    return Response(status_code=200, content_type=kinds[form], body=part.text, headers=headers)


def _wanted(query: dict[str, str]) -> Wanted:
    status = query.get("status", "")
    if status and status not in STATUSES:
        raise Denied("bad_request", f"status is {status[:40]!r}. Expected one of: {', '.join(STATUSES)}.")
    for name in ("device", "person"):
        if len(query.get(name, "")) > MOST_NAME:
            raise Denied("bad_request", f"{name} has {len(query[name])} characters. Expected at most {MOST_NAME}.")
    return Wanted(
        device=query.get("device", ""),
        person=query.get("person", ""),
        status=STATUSES.get(status),
        since=_moment(query, "from"),
        until=_moment(query, "to"),
    )


def _moment(query: dict[str, str], name: str) -> datetime | None:
    """Reads a day, which means its start in UTC, or a time with a time zone. Raises `Denied`."""
    if not query.get(name):
        return None
    try:
        return moment(query[name])
    except ValueError as error:
        raise Denied("bad_request", f"{name} {error}") from error
