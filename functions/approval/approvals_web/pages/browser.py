"""What the browser and the pages exchange: cookies, sessions, forms, redirects."""

import hmac
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.shared.cookies import Cookie, SameSite
from aws_lambda_powertools.utilities.data_classes.common import BaseProxyEvent

from functions.approval.approvals_web import request_input
from functions.approval.approvals_web.answers import Denied
from functions.approval.approvals_web.identity import NotSignedIn
from functions.approval.approvals_web.resources import Settings
from functions.approval.approvals_web.sign_in.sessions import COOKIE, Session, Sessions
from functions.shared import clock
from functions.shared.settings import settings

MOST_FORM = 65_536

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
}


class Forged(Denied):
    """The form is not one that Gatehouse made for this person."""


def base() -> str:
    """Returns the prefix of every path of Gatehouse: empty on AWS, the gateway's path on the local cloud."""
    path: str = urlsplit(settings(Settings).approvals_url).path
    return path


def cookie(name: str, value: str, *, seconds: int | None = None) -> Cookie:
    """Returns a cookie for this host only (RFC 6265bis, ``__Host-``).

    Scripts cannot read it. Browsers do not send it over plain HTTP, nor with a POST from another site.
    """
    return Cookie(
        name=name, value=value, path="/", secure=True, http_only=True, max_age=seconds, same_site=SameSite.LAX_MODE
    )


def read_cookie(event: dict[str, Any], name: str) -> str | None:
    """Returns the value of a cookie, or None. The HTTP API lists the cookies separately; other gateways leave them in the header."""
    pairs = event.get("cookies") or (event.get("headers") or {}).get("cookie", "").split(";")
    parts = (pair.strip().partition("=") for pair in pairs)
    return next((value for key, _, value in parts if key == name and value), None)


def signed_in(event: dict[str, Any], *, attended: bool = True) -> Session:
    """Returns the session of the browser. Raises `NotSignedIn`."""
    secret = read_cookie(event, COOKIE)
    session = (
        Sessions(settings(Settings).sessions_table).find(secret, clock.now(), attended=attended) if secret else None
    )
    if session is None:
        raise NotSignedIn("no_session", "You are not signed in, or your session has ended. Nothing was changed.")
    return session


def form(event: BaseProxyEvent) -> dict[str, list[str]]:
    """Returns the fields of the form that was sent. Raises `Denied`."""
    written = request_input.text(event)
    if len(written) > MOST_FORM:
        raise Denied("bad_request", f"The form has {len(written)} characters. Expected at most {MOST_FORM}.")
    try:
        return parse_qs(written, keep_blank_values=True, max_num_fields=200, errors="strict")
    except ValueError as error:
        raise Denied("bad_request", f"The form cannot be read: {error}") from error


def one(fields: dict[str, list[str]], name: str) -> str:
    """Returns the first value of a field; empty if there is none."""
    return fields.get(name, [""])[0]


def unforged(event: BaseProxyEvent, session: Session) -> dict[str, list[str]]:
    """Returns the form if it has this session's token, and if the browser says that it came from a page of Gatehouse.

    Raises `Forged` before any other field is used.
    """
    fields = form(event)
    token = one(fields, "csrf")
    site = (event.headers or {}).get("sec-fetch-site", "same-origin")
    if not hmac.compare_digest(token.encode(), session.csrf.encode()) or site != "same-origin":
        raise Forged("forged", "This form was not made for your session, so nothing was done. Open the page again.")
    return fields


def go(address: str, *cookies: Cookie) -> Response[str]:
    """Redirects with status 303. The browser gets the next page, and neither reload nor the back button sends the form again."""
    target = f"{settings(Settings).approvals_url}{address}" if address.startswith("/") else address
    return Response(
        status_code=303,
        headers={**HEADERS, "Location": target},
        cookies=list(cookies),
        body="",
        content_type="text/plain",
    )
