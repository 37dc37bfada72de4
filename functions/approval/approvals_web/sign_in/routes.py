"""Sign-in and sign-out: OpenID Connect's authorization code flow with PKCE (OpenID Connect Core 1.0, RFC 7636, RFC 9700)."""

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from functions.approval.approvals_web import identity, resources
from functions.approval.approvals_web.identity import NotSignedIn
from functions.approval.approvals_web.pages.browser import cookie, go, read_cookie, signed_in, unforged
from functions.approval.approvals_web.pages.rendering import page
from functions.approval.approvals_web.resources import Settings
from functions.approval.approvals_web.sign_in import attempt, provider, sessions, tokens
from functions.approval.approvals_web.sign_in.provider import Refusal
from functions.shared import clock
from functions.shared.settings import settings

router = Router()  # type: ignore[no-untyped-call]

CALLBACK = "/sign-in/callback"


@router.get("/sign-in")
def begin() -> Response[str]:
    """Redirects to the provider. It writes nothing but the browser's cookie."""
    environment = settings(Settings)
    query = router.current_event.query_string_parameters or {}
    begun = attempt.new(query.get("back"))
    address = attempt.authorization_url(
        provider.endpoints(environment.oidc_issuer).authorization_endpoint,
        begun,
        client_id=environment.oidc_client_id,
        redirect_uri=f"{environment.approvals_url}{CALLBACK}",
        fresh=query.get("fresh") == "1",
    )
    return go(address, cookie(attempt.COOKIE, begun.cookie(), seconds=attempt.SECONDS))


@router.get(CALLBACK)
def come_back() -> Response[str]:
    """Handles the return from the provider. Exchanges its code for an ID token, and starts a session.

    The exchange needs the `verifier`, which only the browser that began the sign-in has.
    """
    environment, at = settings(Settings), clock.now()
    query = router.current_event.query_string_parameters or {}
    event = router.current_event.raw_event
    begun = attempt.read(read_cookie(event, attempt.COOKIE))
    if begun is None or not begun.began(query.get("state", "")):
        raise NotSignedIn("not_begun", "This browser did not begin this sign-in, or has begun another one since then.")
    if "code" not in query:
        error = f"{query.get('error', 'no code')} {query.get('error_description', '')}"
        raise NotSignedIn("sign_in_failed", f"The identity provider did not sign you in: {error[:200]}")
    redeemed = provider.redeem(
        environment.oidc_issuer,
        {
            "grant_type": "authorization_code",
            "code": query["code"],
            "redirect_uri": f"{environment.approvals_url}{CALLBACK}",
            "client_id": environment.oidc_client_id,
            "code_verifier": begun.verifier,
        },
    )
    if isinstance(redeemed, Refusal):
        error = f"{redeemed.error} {redeemed.error_description}"
        raise NotSignedIn("sign_in_failed", f"The identity provider did not accept the code: {error[:200]}")
    claims = tokens.verified(redeemed, begun.nonce, environment)
    person = identity.person(claims, environment, at)
    token_ends = identity.moment(claims["exp"]) or at
    resources.audit_trail().record(
        "sign_in", "sign_in", subject="approvals", actor=person.subject, result="succeeded", new={"name": person.name}
    )
    stored_sessions = sessions.Sessions(environment.sessions_table)
    _end_earlier(stored_sessions, read_cookie(event, sessions.COOKIE))
    secret = stored_sessions.start(person, token_ends, at)
    return go(begun.back_to, cookie(sessions.COOKIE, secret), cookie(attempt.COOKIE, "", seconds=-1))


@router.post("/sign-out")
def sign_out() -> Response[str]:
    """Ends the session. The page offers to end the provider's session as well."""
    environment = settings(Settings)
    session = signed_in(router.current_event.raw_event)
    unforged(router.current_event, session)
    sessions.Sessions(environment.sessions_table).end(session.key)
    leave = provider.endpoints(environment.oidc_issuer).end_session_endpoint
    return page(
        "signed_out.html",
        cookies=[cookie(sessions.COOKIE, "", seconds=-1)],
        session=None,
        person=None,
        leave=attempt.leaving_url(leave, environment.oidc_client_id, f"{environment.approvals_url}/")
        if leave
        else None,
    )


def _end_earlier(stored_sessions: sessions.Sessions, secret: str | None) -> None:
    """Ends the browser's earlier session at a new sign-in, so that a browser has only one session."""
    session = stored_sessions.find(secret, clock.now(), attended=False) if secret else None
    if session is not None:
        stored_sessions.end(session.key)
