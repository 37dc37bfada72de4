"""Signs in with a browser: authorization code with PKCE (RFC 7636); the browser brings the code to a port of this machine (RFC 8252,
section 7.3).

Cognito compares redirect addresses exactly and allows plain HTTP only for the name localhost, so the ports are fixed. The listener is
on 127.0.0.1 only.
"""

import base64
import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from gatehouse.approval.sign_in.provider import SCOPE, Provider, Tokens
from gatehouse.errors import AnsweredNo, NotPermitted, Unreachable
from workflows.errors import BadInput

PORTS = (8477, 18477, 28477)
"""The ports to which a provider may send the browser back. The template registers them with Cognito."""
PATH = "/callback"
WITHIN_SECONDS = 300.0

_DONE = "You are signed in. Close this window and go back to the command line."
_FAILED = "You were not signed in. The command line says why. Close this window."
_NOT_OURS = "This is not the sign-in that the command line waits for."


class Attempt:
    """One sign-in that is in progress: the values that were sent and must come back."""

    def __init__(self, provider: Provider, port: int) -> None:
        self._provider = provider
        self._verifier = secrets.token_urlsafe(48)
        self._nonce = secrets.token_urlsafe(24)
        self._state = secrets.token_urlsafe(24)
        self.redirect_uri = f"http://localhost:{port}{PATH}"

    @property
    def address(self) -> str:
        """The page where the person signs in. They must do so even if the browser has a session (`prompt=login`), since they sign votes."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self._verifier.encode()).digest()).decode().rstrip("=")
        endpoint = self._provider.metadata.authorization_endpoint
        query = {
            "response_type": "code",
            "client_id": self._provider.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": SCOPE,
            "state": self._state,
            "nonce": self._nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "prompt": "login",
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    def is_ours(self, answer: Mapping[str, str]) -> bool:
        return hmac.compare_digest(answer.get("state", "").encode(), self._state.encode())

    def finish(self, answer: Mapping[str, str]) -> Tokens:
        """Exchange the code that came back. Raises `NotPermitted`, `Unreachable`."""
        issuer = self._provider.metadata.issuer
        if answer.get("iss", issuer) != issuer:  # RFC 9207: another provider sent it
            raise NotPermitted(f"Got an answer from {answer['iss'][:200]}; expected {issuer}. Sign in again.")
        if "code" not in answer:
            said = f"{answer.get('error', 'no code')}. {answer.get('error_description', '')}"[:400].strip()
            raise NotPermitted(f"{issuer} did not sign you in: {said}")
        return self._provider.verified(
            self._provider.token(
                grant_type="authorization_code",
                code=answer["code"],
                redirect_uri=self.redirect_uri,
                code_verifier=self._verifier,
            ),
            nonce=self._nonce,
        )


def sign_in(
    provider: Provider,
    open_page: Callable[[str], None],
    *,
    within: float = WITHIN_SECONDS,
    ports: tuple[int, ...] = PORTS,
) -> Tokens:
    """Show the sign-in page with `open_page`, and wait until the browser comes back. `within` is in seconds.

    Raises `AnsweredNo` if it does not come back in time, `NotPermitted`, `Unreachable` if none of the ports is free.
    """
    with _listening(ports) as server:
        attempt = Attempt(provider, server.server_port)
        server.attempt = attempt
        open_page(attempt.address)
        if not server.answered.wait(within):
            raise AnsweredNo(f"Nobody signed in within {within:g} seconds.")
        try:
            tokens = attempt.finish(server.answer)
            server.message = _DONE
        except Exception:
            server.message = _FAILED
            raise
        finally:
            server.finished.set()
            server.replied.wait(5)
    return tokens


def sign_in_elsewhere(provider: Provider, ask: Callable[[str], str]) -> Tokens:
    """Sign in with a browser on any machine. `ask` shows the address and returns what the person pasted: the address to which the
    browser was sent back (no server is there), or the code in it. Raises `BadInput`, `NotPermitted`.
    """
    attempt = Attempt(provider, PORTS[0])
    pasted = ask(attempt.address).strip()
    if not pasted:
        raise BadInput("Nothing was pasted. Expected the address that the browser was sent back to, or the code in it.")
    if "://" not in pasted:
        return attempt.finish({"code": pasted})  # bound to this sign-in by PKCE and the nonce
    answer = _query(pasted)
    if not attempt.is_ours(answer):
        raise BadInput("The pasted address belongs to another sign-in (its state differs). Start again.")
    return attempt.finish(answer)


class _Server(ThreadingHTTPServer):
    """Waits for one answer. Each connection has a thread, since browsers keep unused connections open."""

    daemon_threads = True
    attempt: Attempt

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.answer: dict[str, str] = {}
        self.message = _FAILED
        self.answered, self.finished, self.replied = threading.Event(), threading.Event(), threading.Event()
        self._first = threading.Lock()

    def take(self, answer: dict[str, str]) -> bool:
        """Take the answer if it belongs to this sign-in and is the first. Returns whether it does."""
        if not self.attempt.is_ours(answer) or not self._first.acquire(blocking=False):
            return False
        self.answer = answer
        self.answered.set()
        return True


class _Handler(BaseHTTPRequestHandler):
    """Serves the redirect address under the name localhost. Everything else is refused and changes nothing."""

    server: _Server
    timeout = 10

    def do_GET(self) -> None:
        parts, host = urlsplit(self.path), self.headers.get("Host")
        if host != f"localhost:{self.server.server_port}" or parts.path != PATH:
            self._say(404, "There is nothing here.")
        elif not self.server.take(_query(self.path)):
            self._say(400, _NOT_OURS)
        else:
            self.server.finished.wait(60)
            self._say(200, self.server.message)
            self.server.replied.set()

    def _say(self, status: int, text: str) -> None:
        page = f"<!doctype html><html lang=en><meta charset=utf-8><title>Gatehouse</title><p>{text}</p></html>".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
        """Log nothing: the address contains the code."""


@contextmanager
def _listening(ports: tuple[int, ...]) -> Iterator[_Server]:
    server = None
    for port in ports:
        try:
            server = _Server(port)
            break
        except OSError:
            continue
    if server is None:
        raise Unreachable(
            f"None of the ports {', '.join(map(str, ports))} is free on 127.0.0.1. Free one, or use --no-browser."
        )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def _query(address: str) -> dict[str, str]:
    """The parameters of an address. A parameter that appears twice is left out."""
    found = parse_qs(urlsplit(address).query, keep_blank_values=True)
    return {name: values[0] for name, values in found.items() if len(values) == 1}
