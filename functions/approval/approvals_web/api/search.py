"""The JSON API of auditors: search requests, and export them as a file. Nothing here changes anything."""

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from functions.approval.approvals_web import access, queries, request_input, views
from functions.approval.approvals_web.access import signed_in
from functions.approval.approvals_web.answers import Denied, answer
from functions.shared import clock

router = Router()  # type: ignore[no-untyped-call]

LIMIT, MOST = 25, 100
_KNOWN = {"device", "person", "status", "from", "to", "cursor", "limit"}


@router.get("/api/search")
def find_approvals() -> Response[str]:
    """Returns one page of the requests that match device, person, status, from and to."""
    at, person = clock.now(), access.reader(signed_in(router.current_event.raw_event))
    query = _query(_KNOWN)
    limit = request_input.limit(query, LIMIT, MOST)
    results = queries.page(query, limit, at)
    shown = [views.summary(request, person, at=at) for request in results.requests]
    return answer({"approvals": shown, "cursor": results.cursor})


@router.get("/api/export")
def export_approvals() -> Response[str]:
    """Returns one part of the requests that match, as CSV or JSON. The header Link (RFC 8288) names the next part. The last part has no
    such header.
    """
    at = clock.now()
    access.reader(signed_in(router.current_event.raw_event))
    return queries.export(_query(_KNOWN | {"format"}), at)


def _query(known: set[str]) -> dict[str, str]:
    """Returns the query. Raises `Denied` for an unknown parameter: if it were ignored, an auditor who mistypes one would get all requests
    and take them for the result.
    """
    query = router.current_event.query_string_parameters or {}
    if unknown := set(query) - known:
        raise Denied("bad_request", f"Unknown: {', '.join(sorted(unknown))[:80]}. Known: {', '.join(sorted(known))}.")
    return query
