"""The identity provider: its endpoints and its keys (OpenID Connect Discovery 1.0, RFC 8414).

Its responses are kept for ten minutes. If a token names an unknown key, the keys are fetched again, at most once a minute. So nobody is
locked out when the provider changes its keys, and forged tokens do not cause many requests to the provider.
"""

from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

from msgspec import Struct

from functions.shared import clock
from workflows import stored
from workflows.approval.errors import IdentityProviderUnavailable

T = TypeVar("T")

CACHED_FOR = timedelta(minutes=10)
AT_MOST_EVERY = timedelta(minutes=1)
MOST_BYTES = 262_144
SECONDS = 5.0

_cache: dict[str, tuple[datetime, bytes]] = {}


class Endpoints(Struct, frozen=True, kw_only=True):
    """The fields of the discovery document that are used."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str | None = None


class Refusal(Struct, frozen=True, kw_only=True):
    """The error response of the token endpoint (RFC 6749 section 5.2)."""

    error: str = "unknown"
    error_description: str = ""


class _Tokens(Struct, frozen=True, kw_only=True):
    id_token: str


def endpoints(issuer: str) -> Endpoints:
    """Returns the endpoints of `issuer`. Raises `IdentityProviderUnavailable`, also if the document is for another issuer."""
    address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    document = _read(_fetched(address, CACHED_FOR), Endpoints, address)
    if document.issuer != issuer:
        raise IdentityProviderUnavailable(
            f"{address} is for issuer {document.issuer!r}; expected {issuer!r}. Set the stack's OidcIssuer to that issuer."
        )
    for endpoint in (document.authorization_endpoint, document.token_endpoint, document.jwks_uri):
        _safe(endpoint)
    return document


def keys(issuer: str, *, anew: bool = False) -> bytes:
    """Returns the provider's public keys, a JSON Web Key Set (RFC 7517). Raises `IdentityProviderUnavailable`."""
    return _fetched(endpoints(issuer).jwks_uri, AT_MOST_EVERY if anew else CACHED_FOR)


def redeem(issuer: str, fields: dict[str, str]) -> str | Refusal:
    """Returns the ID token for an authorization code, or the provider's refusal. Raises `IdentityProviderUnavailable`."""
    address = endpoints(issuer).token_endpoint
    status, content = _send("POST", address, fields)
    if status in (400, 401):
        return _read(content, Refusal, address)
    if status != 200:
        raise IdentityProviderUnavailable(f"{address} returned status {status}; expected 200.")
    return _read(content, _Tokens, address).id_token


def forget() -> None:
    """Clears the cache, as a cold start does."""
    _cache.clear()


def _fetched(address: str, no_older_than: timedelta) -> bytes:
    at = clock.now()
    cached = _cache.get(address)
    if cached is not None and timedelta() <= at - cached[0] < no_older_than:
        return cached[1]
    status, content = _send("GET", address)
    if status != 200:
        raise IdentityProviderUnavailable(f"{address} returned status {status}; expected 200.")
    _cache[address] = (at, content)
    return content


def _send(method: str, address: str, fields: dict[str, str] | None = None) -> tuple[int, bytes]:
    import urllib3

    _safe(address)
    pool = urllib3.PoolManager(timeout=urllib3.Timeout(total=SECONDS), retries=False)
    try:
        answer = pool.request(
            method,
            address,
            body=urlencode(fields) if fields else None,
            headers={"Content-Type": "application/x-www-form-urlencoded"} if fields else None,
            redirect=False,
            preload_content=False,
        )
        content = answer.read(MOST_BYTES + 1)
    except urllib3.exceptions.HTTPError as error:
        raise IdentityProviderUnavailable(f"{address} could not be reached: {error}") from error
    if len(content) > MOST_BYTES:
        raise IdentityProviderUnavailable(f"{address} returned more than {MOST_BYTES} bytes.")
    return answer.status, content


def _safe(address: str) -> None:
    """Accepts only TLS, or the local machine: a token must not cross a network unencrypted."""
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")):
        raise IdentityProviderUnavailable(f"{address!r} is not https. Nothing was sent there.")


def _read(content: bytes, kind: type[T], address: str) -> T:
    try:
        return stored.read(content, kind)
    except stored.Unreadable as error:
        raise IdentityProviderUnavailable(f"The response of {address} cannot be read: {error}") from error
