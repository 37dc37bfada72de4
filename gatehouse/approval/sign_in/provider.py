"""The OpenID Connect provider: its endpoints (Discovery 1.0), and the verification of its ID tokens."""

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from gatehouse.errors import NotPermitted, Unreachable
from workflows import stored
from workflows.errors import BadInput

SCOPE = "openid email profile"
_SIGNATURES = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""Asymmetric algorithms only: a public key cannot make a signature that it verifies."""
_LONGEST_ANSWER = 1_000_000  # bytes
_SKEW = 60  # seconds by which two clocks may differ


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """The part of the discovery document that is used here."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    device_authorization_endpoint: str | None = None


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens of a sign-in. `claims` are the verified claims of the ID token."""

    id_token: str
    refresh_token: str | None
    claims: dict[str, Any]


class Refused(NotPermitted):
    """The provider returned an error. `code` is that of RFC 6749 section 5.2 or RFC 8628 section 3.5."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Provider:
    """One provider, and the client id of the command: a public client without a secret (RFC 8252 section 8.5)."""

    def __init__(self, issuer: str, client_id: str) -> None:
        self.client_id = client_id
        self.metadata = _discover(issuer)

    def token(self, **form: str) -> dict[str, Any]:
        """Send a form to the token endpoint. Raises `Refused`, `Unreachable`."""
        return self.post(self.metadata.token_endpoint, form)

    def post(self, url: str, form: Mapping[str, str]) -> dict[str, Any]:
        """Send a form with the client id. Raises `Refused`, `Unreachable`."""
        status, answer = _json(url, {**form, "client_id": self.client_id})
        if status != 200:
            code = str(answer.get("error", status))[:100]
            said = str(answer.get("error_description") or "")[:300]
            raise Refused(code, f"{self.metadata.issuer} refused the sign-in: {code}. {said}".strip())
        return answer

    def verified(self, answer: Mapping[str, Any], *, nonce: str | None = None, subject: str | None = None) -> Tokens:
        """The tokens of a token response. Verifies the ID token (OpenID Connect Core 1.0, section 3.1.3.7). Raises `NotPermitted`.

        `nonce` is the one that was sent. `subject` is the person whose sign-in is renewed.
        """
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise NotPermitted(f"{self.metadata.issuer} sent no ID token. Does the client have the scope openid?")
        claims = self._signed(token)
        if why := _wrong(claims, self.metadata.issuer, self.client_id, nonce=nonce, subject=subject, now=time.time()):
            raise NotPermitted(f"The ID token of {self.metadata.issuer} is not accepted: {why}.")
        refresh = answer.get("refresh_token")
        return Tokens(id_token=token, refresh_token=refresh if isinstance(refresh, str) else None, claims=claims)

    def renewed(self, refresh_token: str, subject: str) -> Tokens:
        """The same person's sign-in, renewed. Raises `NotPermitted`, `Unreachable`."""
        tokens = self.verified(self.token(grant_type="refresh_token", refresh_token=refresh_token), subject=subject)
        return msgspec.structs.replace(tokens, refresh_token=tokens.refresh_token or refresh_token)

    def _signed(self, token: str) -> dict[str, Any]:
        """The claims of a token, after its signature is verified with one of the provider's keys."""
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        _, published = _json(self.metadata.jwks_uri)
        try:
            keys = KeySet.import_key_set(published)  # type: ignore[arg-type]
            return dict(jwt.decode(token, keys, algorithms=list(_SIGNATURES)).claims)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise NotPermitted(
                f"The ID token of {self.metadata.issuer} is not accepted: its signature is not valid ({error})."
            ) from error


def _wrong(
    claims: Mapping[str, Any],
    issuer: str,
    client_id: str,
    *,
    nonce: str | None,
    subject: str | None,
    now: float,
) -> str | None:
    """The rule that the claims break; None if they break none."""
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience if isinstance(audience, list) else []
    expires, issued = claims.get("exp"), claims.get("iat")
    rules = {
        f"iss is {claims.get('iss')!r}": claims.get("iss") == issuer,
        f"aud is {audience!r}, not {client_id!r}": client_id in audiences,
        f"azp is {claims.get('azp')!r}": claims.get("azp", client_id) == client_id,
        "it has expired": isinstance(expires, int | float) and expires > now - _SKEW,
        "it was issued in the future": isinstance(issued, int | float) and issued < now + _SKEW,
        "it belongs to another sign-in (nonce)": nonce is None or claims.get("nonce") == nonce,
        "it has no subject": isinstance(claims.get("sub"), str) and bool(claims["sub"]),
        "it belongs to another person": subject is None or claims.get("sub") == subject,
        "it is not an ID token": claims.get("token_use", "id") == "id",
    }
    return next((what for what, holds in rules.items() if not holds), None)


def _discover(issuer: str) -> Metadata:
    """Read the discovery document. Raises `BadInput` if it is not one, `Unreachable`."""
    status, answer = _json(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    try:
        found = msgspec.convert(answer, Metadata)
    except msgspec.ValidationError as error:
        raise BadInput(f"{issuer} is not an OpenID Connect provider (HTTP {status}): {error}.") from error
    if found.issuer != issuer:
        raise BadInput(
            f"{issuer} names another issuer in its discovery document, {found.issuer}. Configure the issuer that it names."
        )
    for url in msgspec.structs.astuple(found):
        _require_safe(url)
    return found


def _require_safe(url: str | None) -> None:
    parts = urlsplit(url or "")
    if url is not None and parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost"):
        raise BadInput(f"{url[:200]} is not https. Codes and tokens are sent only over https.")


def _json(url: str, form: Mapping[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    """GET, or POST of a form. Follows no redirect. Returns the status and the JSON object. Raises `Unreachable`."""
    import urllib3

    _require_safe(url)
    body = urlencode(form) if form is not None else None
    headers = {"Accept": "application/json"} | (
        {"Content-Type": "application/x-www-form-urlencoded"} if form is not None else {}
    )
    try:
        with urllib3.PoolManager(timeout=urllib3.Timeout(10), retries=False) as http:
            answer = http.request(
                "GET" if form is None else "POST",
                url,
                body=body,
                headers=headers,
                redirect=False,
                preload_content=False,
            )
            content = answer.read(_LONGEST_ANSWER)
            answer.release_conn()
    except urllib3.exceptions.HTTPError as error:
        raise Unreachable(f"{urlsplit(url).netloc} does not answer: {error}") from error
    try:
        found = stored.read(content)
    except stored.Unreadable:
        found = None
    return answer.status, found if isinstance(found, dict) else {}
