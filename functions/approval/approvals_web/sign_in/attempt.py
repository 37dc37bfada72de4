"""One sign-in under way: what the browser carries to the provider and back (RFC 7636, RFC 9700).

It is kept in the browser that began it and nowhere else, so a stranger who opens the page costs no write. Whoever else comes back with
its `state` has not got the cookie, so nobody is signed in as somebody else by following a link.
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
"""Characters: a cookie has 4,096 at most, and 25 requests that are ticked are 825."""

_Random = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}\Z")]
_OUR_PAGES = re.compile(r"/(approvals|delegations|search|together)(/[A-Za-z0-9_-]+)*(\?[A-Za-z0-9_=&.:%+-]*)?\Z")


class Attempt(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`verifier` is PKCE's secret, `back_to` the page to show afterwards."""

    state: _Random
    nonce: _Random
    verifier: _Random
    back_to: str

    def cookie(self) -> str:
        return client_state.write(self)

    def began(self, state: str) -> bool:
        """Whether `state` is what this sign-in sent along."""
        return hmac.compare_digest(self.state.encode(), state.encode())


def new(back_to: str | None) -> Attempt:
    return Attempt(
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(32),
        back_to=one_of_ours(back_to),
    )


def read(cookie: str | None) -> Attempt | None:
    """The sign-in that this browser began; None if it began none, or what it sent is not of our making."""
    attempt = client_state.read(cookie or "", Attempt)
    return attempt and replace(attempt, back_to=one_of_ours(attempt.back_to))


def one_of_ours(back_to: str | None) -> str:
    """`back_to` if it is a page of ours, else the inbox: nobody is sent elsewhere by a link to the sign-in."""
    fits = back_to and len(back_to) <= MOST_BACK_TO and _OUR_PAGES.match(back_to)
    return back_to if back_to and fits else "/approvals"


def authorization_url(endpoint: str, attempt: Attempt, *, client_id: str, redirect_uri: str, fresh: bool) -> str:
    """Where the browser goes. `fresh` has the provider ask again even if it still knows the person."""
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
    """Where the provider's own session is ended: by OpenID Connect RP-Initiated Logout 1.0, and as Cognito names it."""
    parameters = {"client_id": client_id, "logout_uri": back_to, "post_logout_redirect_uri": back_to}
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(parameters)}"
