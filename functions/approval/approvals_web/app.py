"""Where people decide: the pages, and the API behind the HTTP API's JWT authorizer."""

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
    """A fault, for programs or for people."""
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
    return fault_response("try_again", "Nothing was recorded: something we need did not answer. Try again in a moment.")


@app.not_found
def not_found(_: NotFoundError) -> Response[str]:
    return fault_response("not_found", "There is nothing here.")


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """An HTTP API event (payload format 2.0). Under ``/api/`` answers are JSON and faults {code, message}; the rest are pages."""
    return app.resolve(event, context) if event["requestContext"]["http"]["method"] != "HEAD" else head(event, context)


def head(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Status and headers of the same GET (RFC 9110 section 9.3.2), asked by nobody: what opens mailed links may have somebody's cookies.

    Without a session and a sign-in nothing is read, redeemed or kept awake.
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
