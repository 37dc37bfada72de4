"""One conditional GET with limits for size, time and redirects. urllib3 does HTTP and TLS; this module decides where to connect."""

import io
import socket
from typing import Final
from urllib.parse import urljoin

import urllib3
from msgspec import Struct
from urllib3.connection import HTTPConnection
from urllib3.util import Timeout, Url, parse_url

from functions.revocation.fetch_crl.addresses import AddressRefusedError, Reach, pin
from functions.revocation.fetch_crl.deadline import Deadline, TooSlowError

REDIRECTS: Final = 3
_CHUNK: Final = 65_536
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class NotFetchedError(Exception):
    """This address gave no list; the next one may."""


class Known(Struct, frozen=True, kw_only=True):
    """The server's headers for the copy that we have."""

    etag: str | None = None
    last_modified: str | None = None


class Downloaded(Struct, frozen=True, kw_only=True):
    """`data` is None if the list has not changed (304)."""

    data: bytes | None
    known: Known


def download(address: str, known: Known, *, max_size: int, reach: Reach, seconds: float) -> Downloaded:
    """Fetch the list, if it has changed since `known`. `max_size` is in octets; `seconds` is for the whole fetch with redirects.

    Raises `NotFetchedError`.
    """
    try:
        with Deadline(seconds) as deadline:
            return _download(address, known, max_size, reach, deadline)
    except TooSlowError as error:
        raise NotFetchedError(f"{address[:200]}: {error}") from error


def _download(address: str, known: Known, max_size: int, reach: Reach, deadline: Deadline) -> Downloaded:
    for _ in range(REDIRECTS + 1):
        response = _get(address, known, reach, deadline)
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
        reach = Reach(loopback=reach.loopback, resolve=reach.resolve)  # no redirect into a private network
    raise NotFetchedError(f"more than {REDIRECTS} redirects")


def _get(address: str, known: Known, reach: Reach, deadline: Deadline) -> urllib3.BaseHTTPResponse:
    try:
        url = parse_url(address)
        host = _host(url)
        port = url.port or {"http": 80, "https": 443}[url.scheme or ""]
        pool = _pool(url.scheme or "", deadline.bound(lambda: pin(host, port, reach)), host, port, deadline)
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
        deadline.left()
        raise NotFetchedError(f"{address[:200]}: {type(error).__name__}: {error}") from error


def _host(url: Url) -> str:
    if url.auth is not None or not url.host:
        raise ValueError("an address needs a host, and no user name")
    return url.host.strip("[]")


def _pool(scheme: str, ip: str, host: str, port: int, deadline: Deadline) -> urllib3.HTTPConnectionPool:
    left = deadline.left()
    timeout = Timeout(connect=min(5, left), read=min(10, left))
    pool: urllib3.HTTPConnectionPool
    if scheme == "https":
        pool = urllib3.HTTPSConnectionPool(
            ip, port, timeout=timeout, cert_reqs="CERT_REQUIRED", server_hostname=host, assert_hostname=host
        )
    else:
        pool = urllib3.HTTPConnectionPool(ip, port, timeout=timeout)
    pool.ConnectionCls = _watched(pool.ConnectionCls, deadline)  # type: ignore[arg-type]
    return pool


def _watched(kind: type[HTTPConnection], deadline: Deadline) -> type[HTTPConnection]:
    """Returns connections of this kind whose socket is watched before any data is sent: a TLS handshake may be slow too."""

    class Watched(kind):  # type: ignore[misc,valid-type]
        def _new_conn(self) -> socket.socket:
            connection: socket.socket = super()._new_conn()
            deadline.watch(connection)
            return connection

    return Watched


def _answer(response: urllib3.BaseHTTPResponse, known: Known, max_size: int, deadline: Deadline) -> Downloaded:
    if response.status == 304:
        return Downloaded(data=None, known=known)
    if response.status != 200:
        raise NotFetchedError(f"the server returned {response.status}; expected 200 or 304")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise NotFetchedError("the server compressed its response, which was not requested")
    read = io.BytesIO()  # returns its octets without a second copy: several lists are fetched at the same time
    try:
        while part := response.read1(_CHUNK, decode_content=False):  # what has arrived, without waiting for more
            if read.tell() + len(part) > max_size:
                raise NotFetchedError(f"more than {max_size} bytes")
            deadline.left()
            read.write(part)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        deadline.left()
        raise NotFetchedError(f"the response is incomplete: {type(error).__name__}: {error}") from error
    deadline.left()  # a connection that was cut looks like one that has ended
    return Downloaded(
        data=read.getvalue(),
        known=Known(etag=response.headers.get("ETag"), last_modified=response.headers.get("Last-Modified")),
    )
