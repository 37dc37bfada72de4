"""Which requests reach a server on 127.0.0.1 from a browser: only those of the server's own pages.

Shared by the console and by the local cloud. A browser sends any site's requests to a loopback address, so the address alone does not
protect the server. Another site is recognised by ``Origin`` (RFC 6454 section 7) and ``Sec-Fetch-Site``
(https://www.w3.org/TR/fetch-metadata/); a name that an attacker's DNS points to 127.0.0.1 by ``Host``.
"""

_OWN_SITE = ("", "none", "same-origin")


class Refusal(Exception):  # noqa: N818 - an answer
    """The server refuses the request. `status` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        self.message = message
        super().__init__(message)


class Loopback:
    """The checks of one server, listening on `port`. An absent header is the empty text."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}

    def check_host(self, host: str) -> None:
        """Protects against DNS rebinding: `Host` must name this machine. Raises Refusal."""
        if host not in self._hosts:
            raise Refusal(421, f"This is http://127.0.0.1:{self.port}, not {host[:100]!r}.")

    def check_site(self, sec_fetch_site: str) -> None:
        """Refuses requests that a browser makes for another site. Programs do not send the header. Raises Refusal."""
        if sec_fetch_site not in _OWN_SITE:
            raise Refusal(403, "Another site made this request. Only this server's own pages may.")

    def is_own(self, origin: str) -> bool:
        """Whether an Origin is this server. `null`, which a sandboxed page sends, is not."""
        return origin.startswith("http://") and origin.removeprefix("http://") in self._hosts
