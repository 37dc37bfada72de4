"""A browser that keeps cookies and sends forms, and an identity provider that signs what a test wants signed."""

import base64
import hmac
import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from functions.approval.approvals_web.app import handler as approvals_web
from functions.approval.approvals_web.sign_in import provider
from tests import aws_environment
from tests.approvals import HOUR, MINUTE, api_event
from tests.approvals import KEY as API_KEY
from tests.functions.approval.conftest import Scene
from workflows.approval.votes import Voter

ISSUER = "https://issuer.example"
KEY = RSAKey.generate_key(2048, parameters={"kid": "one"})
OTHER_KEY = RSAKey.generate_key(2048, parameters={"kid": "one"})

Sign = Callable[[dict[str, Any]], str]


def signed(claims: dict[str, Any], key: RSAKey = KEY, **header: str) -> str:
    return jwt.encode({"alg": "RS256", "kid": str(key.kid), **header}, claims, key)


def unsigned(claims: dict[str, Any]) -> str:
    return f"{_head_and_body({'alg': 'none', 'typ': 'JWT'}, claims)}."


def signed_with_the_public_key_as_a_secret(claims: dict[str, Any]) -> str:
    """An attacker knows the public key; whoever lets a token choose its algorithm takes that for the secret (RFC 8725 section 2.1)."""
    text = _head_and_body({"alg": "HS256", "typ": "JWT", "kid": "one"}, claims)
    mac = hmac.digest(KEY.as_pem(private=False), text.encode(), "sha256")
    return f"{text}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def _head_and_body(*parts: dict[str, Any]) -> str:
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


class Issuer:
    """Returns what is asked of an identity provider. `sign` and `claims` make its tokens what a test wants."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.keys: list[Any] = [KEY, API_KEY]
        self.sign: Sign = signed
        self.claims: dict[str, Any] = {}
        self.document: dict[str, Any] = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/keys",
            "end_session_endpoint": f"{ISSUER}/leave",
        }
        self.asked: list[str] = []
        self.redeemed: dict[str, str] = {}
        self.refuses = False
        self._who: Voter | None = None
        self._nonce = ""

    def authenticates(self, who: Voter, nonce: str) -> None:
        self._who, self._nonce = who, nonce

    def send(self, _: str, address: str, fields: dict[str, str] | None = None) -> tuple[int, bytes]:
        """Stands in the place of the network."""
        provider._safe(address)
        self.asked.append(urlsplit(address).path)
        match urlsplit(address).path:
            case "/.well-known/openid-configuration":
                return 200, json.dumps(self.document).encode()
            case "/keys":
                return 200, json.dumps(KeySet(list(self.keys)).as_dict(private=False)).encode()
            case "/token" if self.refuses:
                return 400, b'{"error": "invalid_grant", "error_description": "<b>used</b>"}'
        self.redeemed = dict(fields or {})
        return 200, json.dumps({"id_token": self.sign(self._token())}).encode()

    def _token(self) -> dict[str, Any]:
        assert self._who is not None
        now, who = self._scene.now, self._who
        usual = {
            "iss": ISSUER,
            "aud": "gatehouse-tests",
            "sub": who.subject,
            "token_use": "id",
            "nonce": self._nonce,
            "exp": int((now + HOUR).timestamp()),
            "auth_time": int((who.signed_in_at or now - MINUTE).timestamp()),
            "name": who.name,
            "cognito:username": who.subject,
            "cognito:groups": list(who.groups),
        }
        return {**usual, **self.claims}


class Answer:
    def __init__(self, raw: dict[str, Any]) -> None:
        self.status: int = raw["statusCode"]
        self.headers: dict[str, str] = {name.lower(): value for name, value in raw["headers"].items()}
        self.cookies: list[str] = raw.get("cookies", [])
        self.text: str = raw["body"]

    @property
    def location(self) -> str:
        return self.headers["location"]


class Browser:
    """One person's browser."""

    def __init__(self, scene: Scene, issuer: Issuer) -> None:
        self.scene = scene
        self.issuer = issuer
        self.cookies: dict[str, str] = {}

    def get(self, path: str, method: str = "GET", **query: str) -> Answer:
        return self._ask(api_event(method, path, signed_in=None, body=None, **query))

    def post(self, path: str, fields: dict[str, Any], **headers: str) -> Answer:
        event = api_event("POST", path)
        body = base64.b64encode(urlencode(fields, doseq=True).encode()).decode()
        event |= {"body": body, "isBase64Encoded": True}  # as an HTTP API hands a form over
        event["headers"] = {"content-type": "application/x-www-form-urlencoded", **headers}
        return self._ask(event)

    def submit(self, page: Answer, action: str, **typed: Any) -> Answer:
        """Fill in the page's form that is sent to `action` and has the value of `decision`, if one is typed, and send it."""
        return self.post(
            action, {**hidden(page, action, typed.get("decision")), **typed}, **{"sec-fetch-site": "same-origin"}
        )

    def begin(self, **query: str) -> dict[str, str]:
        """To the provider: what it is asked."""
        sent = urlsplit(self.get("/sign-in", **query).location)
        return {name: values[0] for name, values in parse_qs(sent.query).items()}

    def sign_in(self, who: Voter, **query: str) -> Answer:
        asked = self.begin(**query)
        self.issuer.authenticates(who, asked["nonce"])
        return self.get("/sign-in/callback", code="code-1", state=asked["state"])

    def _ask(self, event: dict[str, Any]) -> Answer:
        event["cookies"] = [f"{name}={value}" for name, value in self.cookies.items()]
        answer = Answer(approvals_web(event, aws_environment.context()))
        for line in answer.cookies:
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
            if not value:
                del self.cookies[name]
        return answer


def hidden(page: Answer, action: str, decision: Any = None) -> dict[str, Any]:
    """The hidden fields of that form."""
    for form in re.findall(r"<form\b.*?</form>", page.text, re.DOTALL):
        if f'action="{action}"' not in form or (decision and f'name="decision" value="{decision}"' not in form):
            continue
        found: dict[str, Any] = {}
        for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form):
            found.setdefault(name, []).append(value)
        return found
    raise AssertionError(f"no form is sent to {action}:\n{page.text}")


@pytest.fixture
def issuer(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Iterator[Issuer]:
    made = Issuer(scene)
    provider.forget()
    monkeypatch.setattr(provider, "_send", made.send)
    yield made
    provider.forget()


@pytest.fixture
def browser(scene: Scene, issuer: Issuer) -> Browser:
    return Browser(scene, issuer)
