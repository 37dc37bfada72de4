"""What went wrong, as a page: what was got, that nothing was done, and the way on."""

from urllib.parse import quote

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from functions.approval.approvals_web.answers import STATUS
from functions.approval.approvals_web.pages.browser import go
from functions.approval.approvals_web.pages.rendering import page

_HEADINGS = {
    400: "That could not be read",
    401: "You are not signed in",
    403: "This is not yours to do",
    404: "There is nothing here",
    503: "Try again in a moment",
}


def fault_page(event: APIGatewayProxyEventV2, code: str, message: str) -> Response[str]:
    """Who only looked without a session is sent to sign in, and comes back to the same page; who sent a form is told first."""
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
        heading=_HEADINGS.get(status, "That cannot be done"),
        message=message,
        back=_request_of(event.path),
        sign_in=status == 401,
    )


def _request_of(path: str) -> str:
    """The page to go on with: the request that a refused form belonged to, or the inbox."""
    return path.removesuffix("/vote") if path.startswith("/approvals/") else "/approvals"
