"""The function with which people decide: the pages, and the API behind the HTTP API's JWT authorizer."""

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.approval.approvals_web.answers import Denied, fault
from functions.approval.approvals_web.identity import NotSignedIn
from functions.approval.approvals_web.pages.faults import fault_page
from functions.approval.approvals_web.routers import ROUTERS
from functions.approval.approvals_web.sign_in.refused import record_refused_sign_in
from functions.shared.observability import logger, observed
from workflows.errors import MayWorkLater

app = APIGatewayHttpResolver()
for router in ROUTERS:
    app.include_router(router)


def fault_response(code: str, message: str) -> Response[str]:
    """Returns a fault: JSON for programs, or a page for people."""
    return (
        fault(code, message)
        if f"{app.current_event.path}/".startswith("/api/")
        else fault_page(app.current_event, code, message)
    )


@app.exception_handler(NotSignedIn)  # type: ignore[untyped-decorator]
def not_signed_in(error: NotSignedIn) -> Response[str]:
    record_refused_sign_in(app.current_event, error)
    return fault_response(error.code, str(error))


@app.exception_handler(Denied)  # type: ignore[untyped-decorator]
def denied(error: Denied) -> Response[str]:
    return fault_response(error.code, str(error))


@app.exception_handler(MayWorkLater)  # type: ignore[untyped-decorator]
def try_again(error: MayWorkLater) -> Response[str]:
    logger.warning("%s: %s", type(error).__name__, error)
    return fault_response(
        "try_again", "Nothing was recorded: a required service did not respond. Try again in a moment."
    )


@app.not_found
def not_found(_: NotFoundError) -> Response[str]:
    return fault_response("not_found", "This address does not exist.")


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Handles an HTTP API event (payload format 2.0). Responses under ``/api/`` are JSON, and faults are {code, message}. All others are
    pages.
    """
    return app.resolve(event, context) if event["requestContext"]["http"]["method"] != "HEAD" else head(event, context)


def head(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Returns the status and headers of the same GET without a body (RFC 9110 section 9.3.2).

    The cookies are left out: a program that opens links in mails may have a person's cookies. Without them there is no session and no
    sign-in, so nothing is read, no code is redeemed and no session is extended.
    """
    http = {**event["requestContext"]["http"], "method": "GET"}
    headers = {name: value for name, value in (event.get("headers") or {}).items() if name != "cookie"}
    get_event = {
        **event,
        "requestContext": {**event["requestContext"], "http": http},
        "headers": headers,
        "cookies": [],
    }
    answer = app.resolve(get_event, context)
    return {**answer, "body": "", "cookies": [], "isBase64Encoded": False}
