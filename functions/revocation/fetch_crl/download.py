"""One conditional GET, bounded in size, time and redirects. urllib3 speaks HTTP and TLS; where to connect is decided here."""

import time
from typing import Final
from urllib.parse import urljoin

import urllib3
from msgspec import Struct
from urllib3.util import Timeout, Url, parse_url

from functions.revocation.fetch_crl.addresses import AddressRefusedError, Reach, pin

REDIRECTS: Final = 3
SECONDS: Final = 60
"""For one address, redirects included."""
_CHUNK: Final = 65_536
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class NotFetchedError(Exception):
    """This address gave no list; the next one may."""


class Known(Struct, frozen=True, kw_only=True):
    """What the server said of the copy that we have."""

    etag: str | None = None
    last_modified: str | None = None


class Downloaded(Struct, frozen=True, kw_only=True):
    """`data` is None: it has not changed (304)."""

    data: bytes | None
    known: Known


def download(address: str, known: Known, *, max_size: int, reach: Reach) -> Downloaded:
    """Fetch what lies there, if it is not what we know. `max_size` is in octets. Raises `NotFetchedError`."""
    deadline = time.monotonic() + SECONDS
    for _ in range(REDIRECTS + 1):
        response = _get(address, known, reach)
        try:
            if response.status not in _REDIRECTS:
                return _answer(response, known, max_size, deadline)
            onwards = urljoin(address, response.headers.get("Location", ""))
        finally:
            response.release_conn()
            response.close()
        if address.startswith("https:") and not onwards.startswith("https:"):
            raise NotFetchedError(f"{address} redirects from https to {onwards[:200]!r}")
        address = onwards
        reach = Reach(loopback=reach.loopback, resolve=reach.resolve)  # a server may not send us into a private network
    raise NotFetchedError(f"more than {REDIRECTS} redirects")


def _get(address: str, known: Known, reach: Reach) -> urllib3.BaseHTTPResponse:
    try:
        url = parse_url(address)
        host = _host(url)
        port = url.port or {"http": 80, "https": 443}[url.scheme or ""]
        pool = _pool(url.scheme or "", pin(host, port, reach), host, port)
        headers = {
            "Host": url.netloc or host,
            "Accept-Encoding": "identity",
            "User-Agent": "gatehouse",
            "If-None-Match": known.etag,
            "If-Modified-Since": known.last_modified,
        }
        return pool.urlopen(
            "GET",
            url.request_uri,
            headers={name: value for name, value in headers.items() if value is not None},
            redirect=False,
            retries=False,
            preload_content=False,
            decode_content=False,
        )
    except (urllib3.exceptions.HTTPError, AddressRefusedError, OSError, ValueError, KeyError) as error:
        raise NotFetchedError(f"{address[:200]}: {type(error).__name__}: {error}") from error


def _host(url: Url) -> str:
    if url.auth is not None or not url.host:
        raise ValueError("an address needs a host, and no user name")
    return url.host.strip("[]")


def _pool(scheme: str, ip: str, host: str, port: int) -> urllib3.HTTPConnectionPool:
    timeout = Timeout(connect=5, read=10)
    if scheme == "https":
        return urllib3.HTTPSConnectionPool(
            ip, port, timeout=timeout, cert_reqs="CERT_REQUIRED", server_hostname=host, assert_hostname=host
        )
    return urllib3.HTTPConnectionPool(ip, port, timeout=timeout)


def _answer(response: urllib3.BaseHTTPResponse, known: Known, max_size: int, deadline: float) -> Downloaded:
    if response.status == 304:
        return Downloaded(data=None, known=known)
    if response.status != 200:
        raise NotFetchedError(f"the server answers {response.status}; expected 200 or 304")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise NotFetchedError("the server compresses its answer, which nobody asked for")
    parts: list[bytes] = []
    size = 0
    try:
        while part := response.read1(
            _CHUNK, decode_content=False
        ):  # what has come, so that a slow server meets the deadline
            size += len(part)
            if size > max_size:
                raise NotFetchedError(f"more than {max_size} bytes")
            if time.monotonic() > deadline:
                raise NotFetchedError(f"not done within {SECONDS} s")
            parts.append(part)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise NotFetchedError(f"the answer breaks off: {type(error).__name__}: {error}") from error
    return Downloaded(
        data=b"".join(parts),
        known=Known(etag=response.headers.get("ETag"), last_modified=response.headers.get("Last-Modified")),
    )
