"""Who may ask: only a browser on this machine that was given the link, and only the console's own page.

The server speaks for an operator's AWS credentials, so another user of the machine, another site in the same browser, and a name that
an attacker's DNS points to 127.0.0.1 are all kept out.
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
    """The secrets of one run of the server, and the checks on each request. Nothing outlives the process."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.key = secrets.token_urlsafe(32)
        """Goes into the link; is exchanged for a cookie."""
        self.csrf = secrets.token_urlsafe(32)
        self._session = secrets.token_urlsafe(32)
        self._loopback = Loopback(port)

    @property
    def link(self) -> str:
        return f"http://127.0.0.1:{self.port}/?key={self.key}"

    @property
    def cookie(self) -> str:
        """Named by port, since browsers share cookies between the ports of a host."""
        return f"{self._cookie_name}={self._session}; HttpOnly; SameSite=Strict; Path=/"

    def check_host(self, headers: Mapping[str, str]) -> None:
        """Against DNS rebinding and against requests of other sites. Raises Refusal."""
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
                401, "Open the link that `gatehouse console` printed when it started; its key changes with every start."
            )

    def check_post(self, headers: Mapping[str, str]) -> None:
        """Against cross-site request forgery: origin, content type that no form can send, and the token only our page can read."""
        origin = headers.get("Origin", "")
        if not self._loopback.is_own(origin):
            raise Refusal(403, f"A change is only taken from the console's own page, not from {origin[:100]!r}.")
        if headers.get("Content-Type", "") != "application/json":
            raise Refusal(415, "Expected application/json.")
        if not _equal(headers.get("X-Gatehouse-Csrf", ""), self.csrf):
            raise Refusal(403, "The page is from an earlier run of the console. Load it again.")

    @property
    def _cookie_name(self) -> str:
        return f"gatehouse_console_{self.port}"


def _equal(got: str, expected: str) -> bool:
    return hmac.compare_digest(got.encode("utf-8", "surrogateescape"), expected.encode())
