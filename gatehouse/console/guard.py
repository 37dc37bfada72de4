"""Checks each request: only the console's own page, in a browser that has opened the link, may use the server.

The server uses an operator's AWS credentials. So it refuses other users of the machine, other sites in the same browser, and names
that an attacker's DNS points to 127.0.0.1.
"""

import hmac
import secrets
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie

from gatehouse.loopback import Loopback, Refusal

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Guard:
    """The secrets of one run of the server, and the checks of each request. The secrets are only in memory."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.key = secrets.token_urlsafe(32)
        """Part of the link. The browser exchanges it for a cookie."""
        self.csrf = secrets.token_urlsafe(32)
        self._session = secrets.token_urlsafe(32)
        self._loopback = Loopback(port)

    @property
    def link(self) -> str:
        return f"http://127.0.0.1:{self.port}/?key={self.key}"

    @property
    def cookie(self) -> str:
        """The session cookie. Its name contains the port, since browsers share cookies between the ports of a host."""
        return f"{self._cookie_name}={self._session}; HttpOnly; SameSite=Strict; Path=/"

    def check_host(self, headers: Mapping[str, str]) -> None:
        """Protects against DNS rebinding and against requests of other sites. Raises Refusal."""
        self._loopback.check_host(headers.get("Host", ""))
        self._loopback.check_site(headers.get("Sec-Fetch-Site", ""))

    def is_key(self, key: str) -> bool:
        return _equal(key, self.key)

    def check_session(self, headers: Mapping[str, str]) -> None:
        try:
            jar = SimpleCookie(headers.get("Cookie", ""))
        except CookieError:
            jar = SimpleCookie()
        morsel = jar.get(self._cookie_name)
        if morsel is None or not _equal(morsel.value, self._session):
            raise Refusal(
                401, "Open the link that `gatehouse console` printed when it started. Its key changes with each start."
            )

    def check_post(self, headers: Mapping[str, str]) -> None:
        """Protects against cross-site request forgery: checks origin, token, and a content type that forms cannot send. Raises Refusal."""
        origin = headers.get("Origin", "")
        if not self._loopback.is_own(origin):
            raise Refusal(403, f"Changes are accepted only from the console's own page, not from {origin[:100]!r}.")
        if headers.get("Content-Type", "") != "application/json":
            raise Refusal(415, "Expected application/json.")
        if not _equal(headers.get("X-Gatehouse-Csrf", ""), self.csrf):
            raise Refusal(403, "The page is from an earlier run of the console. Load it again.")

    @property
    def _cookie_name(self) -> str:
        return f"gatehouse_console_{self.port}"


def _equal(got: str, expected: str) -> bool:
    return hmac.compare_digest(got.encode("utf-8", "surrogateescape"), expected.encode())
