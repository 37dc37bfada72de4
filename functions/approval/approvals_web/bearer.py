"""Who calls the API: the person named in the token that API Gateway's JWT authorizer accepted. Nothing else in the request counts.

The person is not read from the claims that the authorizer passes on. Each of these claims is text, so a list of groups is
``[IT security]``, which may be one group or two
(https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html).
"""

from datetime import datetime
from typing import Any

from functions.approval.approvals_web.identity import NotSignedIn, Provider, person
from functions.approval.approvals_web.sign_in import tokens
from workflows.approval.votes import Voter


def voter(event: dict[str, Any], provider: Provider, at: datetime) -> Voter:
    """Returns the person who sent an HTTP API event (payload format 2.0). Raises `NotSignedIn`, `IdentityProviderUnavailable`.

    The authorizer has checked signature, issuer, audience and expiry. This function checks all of them again, as the pages do at a
    sign-in. So a route without an authorizer, or with the authorizer of another pool, accepts nobody.
    """
    authorizer = (event.get("requestContext") or {}).get("authorizer") or {}
    let_in = (authorizer.get("jwt") or {}).get("claims") or {}
    if not let_in.get("sub"):
        raise NotSignedIn("no_token", "Sign in first.")
    clients = {provider.oidc_client_id, provider.oidc_command_line_client_id} - {""}
    try:
        claims = tokens.signed(_token(event), provider, clients=clients)
    except NotSignedIn as error:
        raise NotSignedIn("unauthorized", str(error)) from error
    if (claims.get("iss"), claims.get("sub")) != (let_in.get("iss"), let_in["sub"]):
        raise NotSignedIn("unauthorized", "The token is not the one that the authorizer accepted. Sign in again.")
    return person(claims, provider, at, clients=clients)


def _token(event: dict[str, Any]) -> str:
    """Returns the token of the Authorization header, with or without the scheme (RFC 6750 section 2.1). The authorizer accepts both."""
    headers = event.get("headers") or {}
    scheme, blank, token = str(headers.get("authorization", "")).strip().partition(" ")
    return token.strip() if blank and scheme in {"Bearer", "bearer"} else scheme
