"""A sign-in in progress: what the browser carries to the provider and back (RFC 7636, RFC 9700).

It is stored only in the browser that began it, so a stranger who opens the page causes no write. Another browser that comes back with
the same `state` does not have the cookie. So nobody is signed in as another person by following a link.
"""

import base64
import hashlib
import hmac
import re
import secrets
from typing import Annotated
from urllib.parse import urlencode

from msgspec import Meta, Struct
from msgspec.structs import replace

from functions.approval.approvals_web import client_state

COOKIE = "__Host-sign-in"
SECONDS = 600
MOST_BACK_TO = 1500
"""Characters. A cookie has at most 4,096, and 25 ticked requests need 825."""

_Random = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}\Z")]
_OUR_PAGES = re.compile(r"/(approvals|delegations|search|together)(/[A-Za-z0-9_-]+)*(\?[A-Za-z0-9_=&.:%+-]*)?\Z")


class Attempt(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`verifier` is the secret of PKCE. `back_to` is the page to show after the sign-in."""

    state: _Random
    nonce: _Random
    verifier: _Random
    back_to: str

    def cookie(self) -> str:
        return client_state.write(self)

    def began(self, state: str) -> bool:
        """Returns True if `state` is the one that this sign-in sent."""
        return hmac.compare_digest(self.state.encode(), state.encode())


def new(back_to: str | None) -> Attempt:
    return Attempt(
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(32),
        back_to=one_of_ours(back_to),
    )


def read(cookie: str | None) -> Attempt | None:
    """Returns the sign-in that this browser began; None if it began none, or if its cookie is not valid."""
    attempt = client_state.read(cookie or "", Attempt)
    return attempt and replace(attempt, back_to=one_of_ours(attempt.back_to))


def one_of_ours(back_to: str | None) -> str:
    """Returns `back_to` if it is a page of Gatehouse, else the inbox. So a link to the sign-in cannot send anybody to another site."""
    fits = back_to and len(back_to) <= MOST_BACK_TO and _OUR_PAGES.match(back_to)
    return back_to if back_to and fits else "/approvals"


def authorization_url(endpoint: str, attempt: Attempt, *, client_id: str, redirect_uri: str, fresh: bool) -> str:
    """Returns the address to which the browser goes. With `fresh`, the provider asks for the sign-in again, even if it has a session."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(attempt.verifier.encode()).digest()).decode().rstrip("=")
    parameters = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": "openid email profile",
        "state": attempt.state,
        "nonce": attempt.nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        **({"prompt": "login", "max_age": "0"} if fresh else {}),
    }
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(parameters)}"


def leaving_url(endpoint: str, client_id: str, back_to: str) -> str:
    """Returns the address that ends the provider's own session.

    It has the parameters of OpenID Connect RP-Initiated Logout 1.0, and Cognito's own name for the address to return to.
    """
    parameters = {"client_id": client_id, "logout_uri": back_to, "post_logout_redirect_uri": back_to}
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(parameters)}"
