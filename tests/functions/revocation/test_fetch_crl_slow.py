"""Servers that are slow on purpose: one octet now and then, which no time-out of a socket notices. Real sockets on 127.0.0.1."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from functions.revocation.fetch_crl import app, fetching
from functions.revocation.fetch_crl.addresses import Reach
from functions.revocation.fetch_crl.deadline import Deadline, TooSlowError
from functions.revocation.fetch_crl.download import Known, NotFetchedError, download
from functions.shared import objects
from tests import aws_environment, faults, pki
from tests.functions.revocation.conftest import BUCKET, Office
from tests.functions.revocation.test_fetch_crl import HERE, SIZE, Server, server, source
from workflows.errors import AwsUnavailable

__all__ = ["server"]

SECONDS = 0.4
FAR_BEYOND = 5.0
"""Seconds after which a fetch of 0.4 s was not ended by its deadline; the servers here go on for a minute."""

OK = b"HTTP/1.1 200 OK\r\n"
HEADERS = OK + b"X-Slow: " + b"x" * 600
CHUNKS = OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1;" + b"x" * 600
BODY = OK + b"Content-Length: 600\r\n\r\n", b"x" * 600
UNTIL_CLOSED = OK + b"\r\n", b"x" * 600
TLS = b"", b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03" + b"x" * 600
"""The head of a ServerHello of 16 KB."""


class Dripping:
    """Says `at_once` to whoever connects, then `slowly`, an octet every tenth of a second."""

    def __init__(self, at_once: bytes, slowly: bytes) -> None:
        self._said = at_once, slowly
        self._ends = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while not self._ends.is_set():
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._drip, args=(connection,), daemon=True).start()

    def _drip(self, connection: socket.socket) -> None:
        with connection:
            try:
                connection.sendall(self._said[0])
                for octet in self._said[1]:
                    if self._ends.wait(0.1):
                        return
                    connection.sendall(bytes([octet]))
            except OSError:
                return

    def close(self) -> None:
        self._ends.set()
        self._listening.close()


@pytest.fixture
def dripping() -> Iterator[Callable[[bytes, bytes], Dripping]]:
    made: list[Dripping] = []

    def make(at_once: bytes, slowly: bytes) -> Dripping:
        made.append(Dripping(at_once, slowly))
        return made[-1]

    yield make
    for one in made:
        one.close()


def slow(address: str, reach: Reach = HERE) -> float:
    """Seconds until it is given up."""
    begun = time.monotonic()
    with pytest.raises(NotFetchedError, match="not done within"):
        download(address, Known(), max_size=SIZE, reach=reach, seconds=SECONDS)
    return time.monotonic() - begun


@pytest.mark.parametrize(
    ("scheme", "said"),
    [
        ("http", (b"", HEADERS)),
        ("http", CHUNKS),
        ("http", BODY),
        ("http", UNTIL_CLOSED),
        ("https", TLS),
        ("http", (b"", b"")),
    ],
    ids=["headers", "size of a chunk", "body", "body until it is closed", "TLS handshake", "status line"],
)
def test_attack_a_server_that_sends_an_octet_now_and_then_is_given_up(
    dripping: Callable[[bytes, bytes], Dripping], scheme: str, said: tuple[bytes, bytes]
) -> None:
    at_once, slowly = said
    assert slow(f"{scheme}://{dripping(at_once, slowly or b'H' * 600).address}/a.crl") < FAR_BEYOND


def test_attack_redirects_share_one_deadline(dripping: Callable[[bytes, bytes], Dripping]) -> None:
    last = dripping(b"", HEADERS)
    head = f"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: http://{last.address}/".encode()
    first = dripping(head, b"\r\n\r\n")
    begun = time.monotonic()
    with pytest.raises(NotFetchedError, match="not done within"):
        download(f"http://{first.address}/", Known(), max_size=SIZE, reach=HERE, seconds=1.0)
    assert time.monotonic() - begun < FAR_BEYOND
    assert last.connections == 1, "the time ran out at the second server, which has none of its own"


def test_attack_a_name_that_is_resolved_slowly_is_given_up() -> None:
    answered = threading.Event()

    def resolve(*_: Any, **__: Any) -> Any:
        answered.wait(60)
        return []

    assert slow("http://crl.example.com/a.crl", Reach(resolve=resolve)) < FAR_BEYOND
    answered.set()


def test_a_deadline_that_has_passed_cuts_what_is_connected_later() -> None:
    here, there = socket.socketpair()
    with here, there, Deadline(0.0) as deadline:
        deadline._cut()
        deadline.watch(here)
        assert there.recv(1) == b""
        with pytest.raises(TooSlowError):
            deadline.left()


def test_what_a_bounded_call_raises_is_raised() -> None:
    with Deadline(60) as deadline, pytest.raises(ZeroDivisionError):
        deadline.bound(lambda: 1 / 0)


def test_attack_a_slow_source_costs_no_other_its_time(
    office: Office, server: Server, dripping: Callable[[bytes, bytes], Dripping], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four slow ones stand first, and only one is fetched at a time: each has its share, and the last is fetched in its own."""
    server.answers["/a.crl"] = 200, {}, office.revoking(7, number=2)
    stuck = dripping(b"", HEADERS)
    slow_ones = tuple(source(office, f"http://{stuck.address}/{n}", f"http://{stuck.address}/{n}b") for n in range(4))
    wanted = (*slow_ones, source(office, f"{server.address}/a.crl"))
    monkeypatch.setattr(app, "configured", lambda: wanted)
    monkeypatch.setattr(app, "Reach", lambda private: HERE)  # noqa: ARG005 - what the test may reach
    monkeypatch.setattr(app, "RESERVE", 30 - 0.3 * len(wanted))  # of the 30 s that a test's function has
    monkeypatch.setattr(app, "AT_ONCE", 1)
    begun = time.monotonic()
    aws_environment.call(app.handler, {})
    assert time.monotonic() - begun < 0.3 * len(wanted) + FAR_BEYOND
    assert stuck.connections >= 4
    aws_environment.judge_incoming()
    assert office.current() == ["2"]


def test_a_mirror_is_left_its_part_of_the_time(
    office: Office, server: Server, dripping: Callable[[bytes, bytes], Dripping]
) -> None:
    server.answers["/a.crl"] = 200, {}, office.revoking(7, number=2)
    wanted = source(office, f"http://{dripping(b'', HEADERS).address}/", f"{server.address}/a.crl")
    assert fetching.fetch(BUCKET, wanted, pki.NOW, max_size=SIZE, reach=HERE, share=1.0) == "handed in"


def test_a_fault_at_one_source_is_raised_when_every_other_was_tried(
    office: Office, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers["/a.crl"] = 200, {}, office.revoking(7, number=2)
    wanted = (source(office, f"{server.address}/none"), source(office, f"{server.address}/a.crl"))
    monkeypatch.setattr(app, "configured", lambda: wanted)
    monkeypatch.setattr(app, "Reach", lambda private: HERE)  # noqa: ARG005
    monkeypatch.setattr(app, "RESERVE", 0)
    monkeypatch.setattr(app, "AT_ONCE", 1)
    with faults.refused("s3", "GetObject", "SlowDown", times=1), pytest.raises(AwsUnavailable):
        aws_environment.call(app.handler, {})
    assert len(office.keys("incoming/")) == 1


def test_attack_a_memory_that_nobody_can_read_is_fetched_over(office: Office, server: Server) -> None:
    server.answers["/a.crl"] = 200, {}, office.revoking(7, number=2)
    wanted = source(office, f"{server.address}/a.crl")
    fetching.fetch(BUCKET, wanted, pki.NOW, max_size=SIZE, reach=HERE)
    [key] = office.keys("fetched/")
    for rubbish in (b"", b"\xff", b"[" * 100_000, b"{}"):
        objects.write(BUCKET, key, rubbish, "application/json")
        assert fetching.fetch(BUCKET, wanted, pki.NOW + pki.HOUR, max_size=SIZE, reach=HERE) == "handed in"
