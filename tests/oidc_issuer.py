"""A small OpenID Connect provider on loopback: discovery, keys, authorization code with PKCE, device codes, renewal.

It stands for the providers that cannot be had in a test, and can be told to misbehave as an attacker's would.
"""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

CLIENT = "gatehouse-command-line"
ADA = {"sub": "ada-1", "name": "Ada Quality", "email": "ada@example.com", "email_verified": True}


class Issuer(ThreadingHTTPServer):
    """`claims` go into each ID token over those that are right; `spoil` changes the finished token; `refusals` are answered first
    by the token endpoint, one after the other.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.key = ECKey.generate_key("P-256", {"kid": "one", "alg": "ES256", "use": "sig"})
        self.signing_key = self.key
        self.claims: dict[str, Any] = {}
        self.alg = "ES256"
        self.calls_itself = self.url
        self.offers_device_code = True
        self.refusals: list[str] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[dict[str, str]] = []
        self.authorize_answers: dict[str, str] = {}

    def discovery(self) -> dict[str, Any]:
        found = {
            "issuer": self.calls_itself,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
        }
        return found | ({"device_authorization_endpoint": f"{self.url}/device"} if self.offers_device_code else {})

    def id_token(self, nonce: str | None) -> str:
        now = int(time.time())
        claims = {**ADA, "iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, "auth_time": now}
        claims |= ({"nonce": nonce} if nonce else {}) | self.claims
        if self.alg == "none":
            head, body = ({"alg": "none"}, claims)
            return ".".join(_part(json.dumps(one).encode()) for one in (head, body)) + "."
        if self.alg == "HS256":  # signed with the public key as if it were a secret
            signed = ".".join(_part(json.dumps(one).encode()) for one in ({"alg": "HS256", "kid": "one"}, claims))
            return f"{signed}.{_part(hmac.digest(self.key.as_pem(private=False), signed.encode(), 'sha256'))}"
        return jwt.encode({"alg": "ES256", "kid": "one"}, claims, self.signing_key)

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser is sent: the person has signed in."""
        code = secrets.token_hex(8)
        self.codes[code] = query
        answer = {"code": code, "state": query.get("state", "")} | self.authorize_answers
        return f"{query['redirect_uri']}?{urlencode(answer, quote_via=quote)}"

    def token(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        self.asked.append(form)
        if self.refusals:
            return 400, {"error": self.refusals.pop(0), "error_description": "as told"}
        match form.get("grant_type"):
            case "authorization_code":
                begun = self.codes.pop(form.get("code", ""), None)
                challenge = _part(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
                proven = begun is not None and (begun["code_challenge"], begun["code_challenge_method"]) == (
                    challenge,
                    "S256",
                )
                if (
                    begun is not None
                    and proven
                    and all(begun[part] == form.get(part) for part in ("client_id", "redirect_uri"))
                ):
                    return 200, self._tokens(begun["nonce"])
            case "urn:ietf:params:oauth:grant-type:device_code" if form.get("device_code") == "device-1":
                return 200, self._tokens(None)
            case "refresh_token" if form.get("refresh_token") == "refresh-1":
                return 200, {"id_token": self.id_token(None)}
        return 400, {"error": "invalid_grant"}

    def _tokens(self, nonce: str | None) -> dict[str, Any]:
        return {
            "id_token": self.id_token(nonce),
            "refresh_token": "refresh-1",
            "token_type": "Bearer",
            "expires_in": 300,
        }


class _Handler(BaseHTTPRequestHandler):
    server: Issuer

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        match parts.path:
            case "/.well-known/openid-configuration":
                self._send(200, self.server.discovery())
            case "/keys":
                self._send(200, dict(KeySet([self.server.key]).as_dict(private=False)))
            case "/authorize":
                self.send_response(302)
                self.send_header("Location", self.server.authorize(query))
                self.send_header("Content-Length", "0")
                self.end_headers()
            case _:
                self._send(404, {})

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(content).items()}
        match self.path:
            case "/token":
                self._send(*self.server.token(form))
            case "/device":
                self._send(
                    200,
                    {
                        "device_code": "device-1",
                        "user_code": "WDJB-MJHT",
                        "verification_uri": f"{self.server.url}/activate",
                        "expires_in": 60,
                        "interval": 5,
                    },
                )
            case _:
                self._send(404, {})

    def _send(self, status: int, answer: dict[str, Any]) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
        """Nothing."""


@contextmanager
def running() -> Iterator[Issuer]:
    issuer = Issuer()
    threading.Thread(target=issuer.serve_forever, daemon=True).start()
    try:
        yield issuer
    finally:
        issuer.shutdown()
        issuer.server_close()


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
