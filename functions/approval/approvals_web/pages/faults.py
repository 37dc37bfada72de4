"""Shows a fault as a page: what went wrong, and where to continue."""

from urllib.parse import quote

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from functions.approval.approvals_web.answers import STATUS
from functions.approval.approvals_web.pages.browser import go
from functions.approval.approvals_web.pages.rendering import page

_HEADINGS = {
    400: "The request could not be read",
    401: "You are not signed in",
    403: "You are not allowed to do this",
    404: "Page not found",
    503: "Try again in a moment",
}


def fault_page(event: APIGatewayProxyEventV2, code: str, message: str) -> Response[str]:
    """Returns the page for a fault.

    A person without a session who opens a page is sent to the sign-in, and then back to the same page. A person who sends a form sees
    the fault first.
    """
    status = STATUS[code]
    back = event.path if event.http_method == "GET" and not event.path.startswith("/sign-in") else "/approvals"
    if code == "no_session" and event.http_method == "GET" and not event.path.endswith("/state"):
        query = f"?{event.raw_query_string}" if event.raw_query_string else ""
        return go(f"/sign-in?back={quote(back + query, safe='/')}")
    return page(
        "fault.html",
        status=status,
        session=None,
        person=None,
        heading=_HEADINGS.get(status, "This cannot be done"),
        message=message,
        back=_request_of(event.path),
        sign_in=status == 401,
    )


def _request_of(path: str) -> str:
    """Returns the page to continue with: the request to which a refused form belongs, or the inbox."""
    return path.removesuffix("/vote") if path.startswith("/approvals/") else "/approvals"
