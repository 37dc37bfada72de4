"""The identity provider: where it signs people in, and by which keys (OpenID Connect Discovery 1.0, RFC 8414).

What it says is kept for ten minutes. Keys are fetched anew when a token names one that is not known, at most once a minute, so
that a provider that changes its keys locks nobody out and a forged token makes nobody ask all the time.
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
    """What the discovery document says, as far as it is used."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str | None = None


class Refusal(Struct, frozen=True, kw_only=True):
    """The token endpoint's no (RFC 6749 section 5.2)."""

    error: str = "unknown"
    error_description: str = ""


class _Tokens(Struct, frozen=True, kw_only=True):
    id_token: str


def endpoints(issuer: str) -> Endpoints:
    """Where `issuer` does what. Raises `IdentityProviderUnavailable`, also if the document speaks for another issuer."""
    address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    document = _read(_fetched(address, CACHED_FOR), Endpoints, address)
    if document.issuer != issuer:
        raise IdentityProviderUnavailable(
            f"{address} speaks for {document.issuer!r}; expected {issuer!r}. Set the stack's OidcIssuer to what it says."
        )
    for endpoint in (document.authorization_endpoint, document.token_endpoint, document.jwks_uri):
        _safe(endpoint)
    return document


def keys(issuer: str, *, anew: bool = False) -> bytes:
    """The provider's public keys, a JSON Web Key Set (RFC 7517). Raises `IdentityProviderUnavailable`."""
    return _fetched(endpoints(issuer).jwks_uri, AT_MOST_EVERY if anew else CACHED_FOR)


def redeem(issuer: str, fields: dict[str, str]) -> str | Refusal:
    """The ID token for an authorization code, or the provider's no. Raises `IdentityProviderUnavailable`."""
    address = endpoints(issuer).token_endpoint
    status, content = _send("POST", address, fields)
    if status in (400, 401):
        return _read(content, Refusal, address)
    if status != 200:
        raise IdentityProviderUnavailable(f"{address} answered {status}; expected 200.")
    return _read(content, _Tokens, address).id_token


def forget() -> None:
    """Drop what is kept, as a cold start does."""
    _cache.clear()


def _fetched(address: str, no_older_than: timedelta) -> bytes:
    at = clock.now()
    cached = _cache.get(address)
    if cached is not None and timedelta() <= at - cached[0] < no_older_than:
        return cached[1]
    status, content = _send("GET", address)
    if status != 200:
        raise IdentityProviderUnavailable(f"{address} answered {status}; expected 200.")
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
        raise IdentityProviderUnavailable(f"{address} could not be asked: {error}") from error
    if len(content) > MOST_BYTES:
        raise IdentityProviderUnavailable(f"{address} answered more than {MOST_BYTES} bytes.")
    return answer.status, content


def _safe(address: str) -> None:
    """Only TLS, or this very machine: a token must not cross a network in the open."""
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")):
        raise IdentityProviderUnavailable(f"{address!r} is not https. Nothing was sent there.")


def _read(content: bytes, kind: type[T], address: str) -> T:
    try:
        return stored.read(content, kind)
    except stored.Unreadable as error:
        raise IdentityProviderUnavailable(f"What {address} answered cannot be read: {error}") from error
