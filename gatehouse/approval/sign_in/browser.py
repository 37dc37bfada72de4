"""Signing in with a browser: authorization code with PKCE (RFC 7636), the code brought to a port of this machine (RFC 8252, section 7.3).

Cognito compares redirect addresses exactly and allows plain HTTP for the name localhost alone, so there are a few fixed ports, and the
listener is on 127.0.0.1 only.
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
"""Where a provider may send the browser back to; the template registers them with Cognito."""
PATH = "/callback"
WITHIN_SECONDS = 300.0

_DONE = "You are signed in. Close this window and go back to the command line."
_FAILED = "You were not signed in. The command line says why. Close this window."
_NOT_OURS = "This is not the sign-in that the command line waits for."


class Asking:
    """One sign-in that is under way: what was sent, and has to come back."""

    def __init__(self, provider: Provider, port: int) -> None:
        self._provider = provider
        self._verifier = secrets.token_urlsafe(48)
        self._nonce = secrets.token_urlsafe(24)
        self._state = secrets.token_urlsafe(24)
        self.redirect_uri = f"http://localhost:{port}{PATH}"

    @property
    def address(self) -> str:
        """Where the person signs in. They are asked, even if the browser still knows them: who signs has just signed in."""
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
        if answer.get("iss", issuer) != issuer:  # RFC 9207: the answer of another provider
            raise NotPermitted(f"The answer came from {answer['iss'][:200]}, expected {issuer}. Sign in again.")
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
    """Have `open_page` show the address in a browser, and wait for it to come back.

    Raises `AnsweredNo` if nobody signed in in time, `NotPermitted`, `Unreachable` if none of the ports is free.
    """
    with _listening(ports) as server:
        asking = Asking(provider, server.server_port)
        server.asking = asking
        open_page(asking.address)
        if not server.answered.wait(within):
            raise AnsweredNo(f"Nobody signed in within {within:g} seconds.")
        try:
            tokens = asking.finish(server.answer)
            server.said = _DONE
        except Exception:
            server.said = _FAILED
            raise
        finally:
            server.finished.set()
            server.told.wait(5)
    return tokens


def sign_in_elsewhere(provider: Provider, ask: Callable[[str], str]) -> Tokens:
    """Without a browser on this machine: `ask` shows the address and answers what was pasted, the address that the browser was sent
    back to (which nothing answers there) or the code in it. Raises `BadInput`, `NotPermitted`.
    """
    asking = Asking(provider, PORTS[0])
    pasted = ask(asking.address).strip()
    if not pasted:
        raise BadInput("Nothing was pasted. Expected the address that the browser was sent back to, or the code in it.")
    if "://" not in pasted:
        return asking.finish({"code": pasted})  # bound to this sign-in by PKCE and the nonce
    answer = _query(pasted)
    if not asking.is_ours(answer):
        raise BadInput("What was pasted is the answer to another sign-in (state). Start again.")
    return asking.finish(answer)


class _Server(ThreadingHTTPServer):
    """Waits for one answer. Browsers keep connections open for nothing, hence a thread for each."""

    daemon_threads = True
    asking: Asking

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.answer: dict[str, str] = {}
        self.said = _FAILED
        self.answered, self.finished, self.told = threading.Event(), threading.Event(), threading.Event()
        self._first = threading.Lock()

    def take(self, answer: dict[str, str]) -> bool:
        """Whether this is the answer that is waited for, and the first."""
        if not self.asking.is_ours(answer) or not self._first.acquire(blocking=False):
            return False
        self.answer = answer
        self.answered.set()
        return True


class _Handler(BaseHTTPRequestHandler):
    """Answers the one address, under the one name; everything else is turned away and changes nothing."""

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
            self._say(200, self.server.said)
            self.server.told.set()

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
        """Nothing: the address holds the code."""


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
    """The parameters of an address; of one that is there twice, none counts."""
    found = parse_qs(urlsplit(address).query, keep_blank_values=True)
    return {name: values[0] for name, values in found.items() if len(values) == 1}
