"""What is looked for, as it comes from a browser or a program: read into `Wanted`, and answered by a page or by a file."""

from datetime import datetime
from urllib.parse import urlencode

from aws_lambda_powertools.event_handler import Response

from functions.approval.approvals_web import export_parts, paging, request_input, resources
from functions.approval.approvals_web.answers import Denied
from functions.approval.approvals_web.request_search import STATUSES, Wanted, search
from workflows.admission.inventory_cells import moment

PART, MOST_OF_A_PART = 200, 1000
MOST_NAME = 256
"""Characters: longer than any device's or person's name, and within what DynamoDB takes for a key."""


def page(asked: dict[str, str], limit: int, at: datetime) -> paging.Page:
    """What fits to `asked`, a page of it. Raises `Denied`."""
    return paging.page(search(resources.approvals().table, _wanted(asked), cursor=asked.get("cursor"), at=at), limit)


def export(asked: dict[str, str], at: datetime) -> Response[str]:
    """A part of what fits to `asked`, as a file. Raises `Denied`."""
    form = asked.get("format", "csv")
    if form not in {"csv", "json"}:
        raise Denied("bad_request", f"format is {form[:40]!r}. Expected csv or json.")
    made = export_parts.as_csv if form == "csv" else export_parts.as_json
    limit = request_input.limit(asked, PART, MOST_OF_A_PART)
    part = made(resources.approvals(), _wanted(asked), cursor=asked.get("cursor"), limit=limit, at=at)
    return _file(form, part, asked)


def _file(form: str, part: export_parts.Part, asked: dict[str, str]) -> Response[str]:
    headers: dict[str, str | list[str]] = {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": f'attachment; filename="approvals.{form}"',
    }
    if part.cursor is not None:
        following = urlencode({**asked, "cursor": part.cursor})
        headers |= {"Link": f'</api/export?{following}>; rel="next"', "Gatehouse-Cursor": part.cursor}
    kinds = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
    return Response(status_code=200, content_type=kinds[form], body=part.text, headers=headers)


def _wanted(asked: dict[str, str]) -> Wanted:
    status = asked.get("status", "")
    if status and status not in STATUSES:
        raise Denied("bad_request", f"status is {status[:40]!r}. Expected one of: {', '.join(STATUSES)}.")
    for name in ("device", "person"):
        if len(asked.get(name, "")) > MOST_NAME:
            raise Denied("bad_request", f"{name} has {len(asked[name])} characters; at most {MOST_NAME}.")
    return Wanted(
        device=asked.get("device", ""),
        person=asked.get("person", ""),
        status=STATUSES.get(status),
        since=_moment(asked, "from"),
        until=_moment(asked, "to"),
    )


def _moment(asked: dict[str, str], name: str) -> datetime | None:
    """A day, which means its beginning in UTC, or a time with its zone."""
    if not asked.get(name):
        return None
    try:
        return moment(asked[name])
    except ValueError as error:
        raise Denied("bad_request", f"{name} {error}") from error
