"""Lists made to use up memory or time: what checking and fetching them takes, in a process with the function's memory (``make bombs``).

``python -m bench.bombs`` prints the figures at full size: lists of 100 MB, the most that ``config/limits.toml`` lets anybody read.
"""

import gzip
import http.server
import resource
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.measure import fresh
from tests import crl_der, pki

WHOLE = 99_000_000
"""Octets: just below ``max_size_mb``."""
NAMES = 60_000
PUBLISH_MB, PUBLISH_SECONDS = 1769, 300
FETCH_MB = 1024
"""MemorySize and Timeout of `publish_crl` and MemorySize of `fetch_crl` in ``template.yaml``."""


def tiny_entries(ca: pki.Authority, octets: int) -> bytes:
    """As many entries as fit, each as short as possible."""
    one = crl_der.entry(1)
    return crl_der.craft(ca, one * (octets // len(one)))


def one_entry(ca: pki.Authority, octets: int) -> bytes:
    """One entry with one unknown extension."""
    return crl_der.craft(ca, crl_der.entry(7, crl_der.extension(crl_der.UNKNOWN, b"x" * octets)))


def long_number(ca: pki.Authority, octets: int) -> bytes:
    """A serial number with that many octets."""
    return crl_der.craft(ca, crl_der.entry(crl_der.tlv(crl_der.INTEGER, b"\x01" * octets)))


def names_of_issuers(ca: pki.Authority, octets: int) -> bytes:
    """An entry that names 60,000 other issuers, or as many as fit."""
    name = crl_der.tlv(0xA4, pki.name("Somebody else").public_bytes())
    names = crl_der.tlv(crl_der.SEQUENCE, name * min(NAMES, octets // len(name)))
    return crl_der.craft(ca, crl_der.entry(7, crl_der.extension(crl_der.CERTIFICATE_ISSUER, names, critical=True)))


def names_of_points(ca: pki.Authority, octets: int) -> bytes:
    """A list for 60,000 distribution points, or as many as fit."""
    url = "http://crl.example.com/00000.crl"
    number = min(NAMES, octets // (len(url) + 2))
    return crl_der.craft(ca, more=[crl_der.issuing_point(*[url] * number)])


def nested(ca: pki.Authority, octets: int) -> bytes:
    """Sequences in sequences, where the entries should be: 40,000 deep, or as many as fit."""
    inner = b""
    for _ in range(min(40_000, octets // 5)):
        inner = crl_der.tlv(crl_der.SEQUENCE, inner)
    return crl_der.craft(ca, revoked=inner)


def compressed(ca: pki.Authority, octets: int) -> bytes:
    """A compressed file that unpacks to a list of that size, published as it is."""
    return gzip.compress(tiny_entries(ca, octets))


BOMBS: dict[str, Callable[[pki.Authority, int], bytes]] = {
    one.__name__: one
    for one in (tiny_entries, one_entry, long_number, names_of_issuers, names_of_points, nested, compressed)
}


def judge(bomb: str, octets: int) -> dict[str, float]:
    """Check the list, and index it if it is accepted, in a process with `publish_crl`'s memory: ``ms``, ``peak_mb``, ``accepted``.

    Raises `subprocess.CalledProcessError` if that is not enough.
    """
    ca = pki.authority("Bomb CA")
    with tempfile.TemporaryDirectory() as folder:
        crl, issuer = Path(folder, "bomb.crl"), Path(folder, "issuer.pem")
        crl.write_bytes(BOMBS[bomb](ca, octets))
        issuer.write_text(ca.pem)
        return fresh("bench.bombs:judge_here", crl, issuer)


def judge_here(crl: str, issuer: str) -> dict[str, float]:
    """In this process, as `publish_crl` does."""
    from cryptography import x509

    from workflows.revocation.index import NotIndexable, build_index
    from workflows.revocation.publication import Limits, Rejected, accept

    _limit(PUBLISH_MB)
    certificate = x509.load_pem_x509_certificate(Path(issuer).read_bytes())
    begun = time.monotonic()
    data = Path(crl).read_bytes()
    bounds = Limits(max_age=timedelta(days=45), max_size=100_000_000)
    judged = accept(data, certificate, pki.NOW, None, bounds)
    if not isinstance(judged, Rejected):
        sum(1 for _ in judged.verified.serials())
        with suppress(NotIndexable):
            build_index(judged.verified)
    return {"ms": (time.monotonic() - begun) * 1000, "accepted": float(not isinstance(judged, Rejected))}


def fetch_here(at_once: str, octets: str) -> dict[str, float]:
    """Fetch this many lists of that size at a time, in a process with `fetch_crl`'s memory."""
    from functions.revocation.fetch_crl.addresses import Reach
    from functions.revocation.fetch_crl.download import Known, download

    size, part = int(octets), b"\0" * 65_536

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            for _ in range(size // len(part)):
                self.wfile.write(part)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    _limit(FETCH_MB)
    begun = time.monotonic()

    def one(_: int) -> bytes | None:
        address = f"http://127.0.0.1:{server.server_port}/"
        return download(address, Known(), max_size=size, reach=Reach(loopback=True), seconds=120).data

    with ThreadPoolExecutor(int(at_once)) as pool:
        found = list(pool.map(one, range(int(at_once))))
    server.shutdown()
    return {"ms": (time.monotonic() - begun) * 1000, "octets": float(sum(len(data or b"") for data in found))}


def _limit(megabytes: int) -> None:
    """Limit the memory: what the interpreter has mapped already, plus the function's memory."""
    octets = megabytes * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (octets, octets))


if __name__ == "__main__":
    print(f"{'bomb':18} {'seconds':>8} {'MB':>6}  of {PUBLISH_SECONDS} s and {PUBLISH_MB} MB")
    for name in BOMBS:
        told = judge(name, WHOLE)
        print(
            f"{name:18} {told['ms'] / 1000:8.1f} {told['peak_mb']:6.0f}  {'accepted' if told['accepted'] else 'rejected'}"
        )
    told = fresh("bench.bombs:fetch_here", 4, WHOLE)
    print(f"{'four fetched':18} {told['ms'] / 1000:8.1f} {told['peak_mb']:6.0f}  of {FETCH_MB} MB")
