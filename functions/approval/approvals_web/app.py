"""Where people decide: the API behind the HTTP API's JWT authorizer."""

from contextlib import suppress
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from msgspec import Struct

from functions.approval.approvals_web import api, delegations_api, search_api, votes_api
from functions.approval.approvals_web.answers import Denied, fault
from functions.approval.approvals_web.identity import NotSignedIn
from functions.shared.observability import count, logger, observed
from functions.shared.settings import settings
from functions.shared.trail import Trail
from workflows.errors import MayWorkLater
from workflows.evidence.errors import TrailUnavailable


class Evidence(Struct, frozen=True, kw_only=True):
    evidence_bucket: str


app = APIGatewayHttpResolver()
for part in (api, delegations_api, search_api, votes_api):
    app.include_router(part.router)


@app.exception_handler(NotSignedIn)  # type: ignore[untyped-decorator]
def not_signed_in(error: NotSignedIn) -> Response[str]:
    count("SignInRefused")
    asked = app.current_event
    with suppress(TrailUnavailable):  # an alarm was raised; the refusal stands in any case
        Trail(settings(Evidence).evidence_bucket, "approvals_web").record(
            "sign_in",
            "refuse",
            subject=f"{asked.http_method} {asked.path}",
            actor=asked.request_context.http.source_ip,
            result="refused",
            reason=f"{error.code}: {error}",
        )
    return fault(error.code, str(error))


@app.exception_handler(Denied)  # type: ignore[untyped-decorator]
def denied(error: Denied) -> Response[str]:
    return fault(error.code, str(error))


@app.exception_handler(MayWorkLater)  # type: ignore[untyped-decorator]
def try_again(error: MayWorkLater) -> Response[str]:
    logger.warning("%s: %s", type(error).__name__, error)
    return fault("try_again", "Nothing was recorded: something we need did not answer. Try again in a moment.")


@app.not_found
def not_found(_: NotFoundError) -> Response[str]:
    return fault("not_found", "There is nothing here.")


@observed
def handler(event: Any, context: Any) -> Any:
    """An HTTP API event (payload format 2.0) with verified claims. Every answer but a page is JSON; faults are {code, message}."""
    return app.resolve(event, context)
