"""The auditor's pages: search requests by device, person, status and time, and export them as a file."""

from urllib.parse import urlencode

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from functions.approval.approvals_web import access, queries, views
from functions.approval.approvals_web.answers import Denied
from functions.approval.approvals_web.pages.browser import signed_in
from functions.approval.approvals_web.pages.rendering import page
from functions.approval.approvals_web.request_search import STATUSES
from functions.shared import clock

router = Router()  # type: ignore[no-untyped-call]

LIMIT = 25
_FIELDS = ("device", "person", "status", "from", "to")


@router.get("/search")
def find() -> Response[str]:
    """Shows the form and the results. For a mistake in the form, it shows the mistake and no list, because an empty list would look like a
    result.
    """
    at, session = clock.now(), signed_in(router.current_event.raw_event)
    person = access.reader(access.with_delegations(session.voter))
    filters = _filters()
    cursor = (router.current_event.query_string_parameters or {}).get("cursor")
    results, mistake = None, None
    try:
        results = queries.page({**filters, **({"cursor": cursor} if cursor else {})}, LIMIT, at)
    except Denied as error:
        mistake = str(error)
    return page(
        "search.html",
        status=400 if mistake else 200,
        session=session,
        person=person,
        at=at,
        filters={name: filters.get(name, "") for name in _FIELDS},
        query=urlencode(filters),
        statuses=STATUSES,
        rows=[views.summary(request, person, at=at) for request in results.requests] if results else [],
        cursor=results.cursor if results else None,
        mistake=mistake,
    )


@router.get("/search/export")
def take_away() -> Response[str]:
    """Returns one part of the results as a file. If there is more, the header Link names the next part, as in the API."""
    session = signed_in(router.current_event.raw_event)
    access.reader(access.with_delegations(session.voter))
    return queries.export(dict(router.current_event.query_string_parameters or {}), clock.now())


def _filters() -> dict[str, str]:
    query = router.current_event.query_string_parameters or {}
    return {name: query[name].strip() for name in _FIELDS if query.get(name, "").strip()}
