"""Lists are fetched from a real HTTP server on 127.0.0.1; that loopback may be reached is said by the test, and by nothing else."""

import hashlib
import http.server
import json
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from functions.revocation.fetch_crl import app, download
from functions.revocation.fetch_crl.addresses import AddressRefusedError, Reach, pin
from functions.revocation.fetch_crl.download import Known, NotFetchedError
from functions.revocation.fetch_crl.fetching import fetch
from functions.shared import objects
from tests import aws_environment, pki
from tests.functions.revocation.conftest import BUCKET, Office
from workflows.configuration import ConfigurationInvalid
from workflows.revocation import sources
from workflows.revocation.sources import Source

HERE = Reach(loopback=True)
SIZE = 1_000_000
Answer = tuple[int, dict[str, str], bytes]


class Server:
    """Returns each path with what the test put there, and notes what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append((self.path, dict(self.headers)))
                status, headers, body = outer.answers.get(self.path, (404, {}, b""))
                if headers.get("ETag") is not None and headers["ETag"] == self.headers.get("If-None-Match"):
                    status, body = 304, b""
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.close()


def get(address: str, reach: Reach = HERE, max_size: int = SIZE) -> bytes | None:
    return download.download(address, Known(), max_size=max_size, reach=reach, seconds=60).data


def source(office: Office, *addresses: str, **unusual: Any) -> Source:
    return Source(ca=office.ca_id, addresses=addresses, **unusual)


def fetched(office: Office, wanted: Source, after: timedelta = timedelta(0)) -> str:
    assert office
    return fetch(BUCKET, wanted, pki.NOW + after, max_size=SIZE, reach=HERE)


def test_a_list_is_fetched_handed_in_and_becomes_current(office: Office, server: Server) -> None:
    data = office.revoking(7, number=4)
    server.answers["/a.crl"] = 200, {}, data
    assert fetched(office, source(office, f"{server.address}/a.crl")) == "handed in"
    [key] = office.keys(f"incoming/{office.ca_id}/")
    assert office.read(key) == data
    aws_environment.judge_incoming()
    assert office.current() == ["4"]


def test_it_is_asked_for_only_when_it_is_due(office: Office, server: Server) -> None:
    server.answers["/a.crl"] = 200, {}, office.revoking()
    wanted = source(office, f"{server.address}/a.crl", every_minutes=60)
    assert [fetched(office, wanted, timedelta(minutes=m)) for m in (0, 59, 60)] == ["handed in", "waiting", "unchanged"]
    assert len(server.asked) == 2
    assert len(office.keys("incoming/")) == 1, "a server without ETag sends the same list again"


def test_a_list_that_has_not_changed_is_not_sent_again(office: Office, server: Server) -> None:
    server.answers["/a.crl"] = (
        200,
        {"ETag": '"one"', "Last-Modified": "Mon, 23 Nov 2026 10:00:00 GMT"},
        office.revoking(),
    )
    wanted = source(office, f"{server.address}/a.crl")
    assert [fetched(office, wanted, timedelta(hours=h)) for h in (0, 2, 4)] == ["handed in", "unchanged", "unchanged"]
    for _, headers in server.asked[1:]:
        assert headers["If-None-Match"] == '"one"'
        assert headers["If-Modified-Since"] == "Mon, 23 Nov 2026 10:00:00 GMT"
    server.answers["/a.crl"] = 200, {"ETag": '"two"'}, office.revoking(7, number=2)
    assert fetched(office, wanted, timedelta(hours=6)) == "handed in"


def test_addresses_are_tried_in_order_and_an_etag_is_its_servers_own(office: Office, server: Server) -> None:
    server.answers["/b.crl"] = 200, {"ETag": '"b"'}, office.revoking()
    wanted = source(office, f"{server.address}/a.crl", f"{server.address}/b.crl")
    assert fetched(office, wanted) == "handed in"
    server.answers["/a.crl"] = 200, {}, office.revoking(7, number=2)
    assert fetched(office, wanted, timedelta(hours=2)) == "handed in"
    assert [path for path, _ in server.asked] == ["/a.crl", "/b.crl", "/a.crl"]
    assert "If-None-Match" not in server.asked[2][1]


def test_a_source_that_fails_is_tried_again_the_next_time(office: Office, server: Server) -> None:
    wanted = source(office, f"{server.address}/a.crl")
    assert fetched(office, wanted) == "failed"
    server.answers["/a.crl"] = 200, {}, office.revoking()
    assert fetched(office, wanted, timedelta(minutes=5)) == "handed in"


@pytest.mark.parametrize("declared", [True, False])
def test_too_large_an_answer_is_not_read_to_its_end(server: Server, declared: bool) -> None:
    server.answers["/a.crl"] = 200, {} if declared else {"Connection": "close"}, b"x" * 300_000
    with pytest.raises(NotFetchedError, match="more than 100000 bytes"):
        get(f"{server.address}/a.crl", max_size=100_000)


@pytest.mark.parametrize("headers", [{"Content-Encoding": "gzip"}])
def test_a_compressed_answer_is_refused(server: Server, headers: dict[str, str]) -> None:
    server.answers["/a.crl"] = 200, headers, b"x"
    with pytest.raises(NotFetchedError, match="compressed"):
        get(f"{server.address}/a.crl")


def test_redirects_are_followed_and_counted(server: Server) -> None:
    server.answers["/a.crl"] = 302, {"Location": "/b.crl"}, b""
    server.answers["/b.crl"] = 200, {}, b"list"
    assert get(f"{server.address}/a.crl") == b"list"
    server.answers["/b.crl"] = 302, {"Location": "/a.crl"}, b""
    with pytest.raises(NotFetchedError, match="more than 3 redirects"):
        get(f"{server.address}/a.crl")


@pytest.mark.parametrize(
    "onwards", ["http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "file:///etc/passwd", "http://[::1]/", "http://user@10.0.0.1/"]
)  # fmt: skip
def test_a_redirect_into_a_private_network_is_refused(server: Server, onwards: str) -> None:
    server.answers["/a.crl"] = 302, {"Location": onwards}, b""
    reach = Reach(private=True, loopback="[::1]" not in onwards)
    if not reach.loopback:
        reach = Reach(loopback=True, resolve=only_first_is_loopback())
    with pytest.raises(NotFetchedError):
        get(f"{server.address}/a.crl", reach)
    assert len(server.asked) == 1


def only_first_is_loopback() -> Any:
    """127.0.0.1 resolves to itself; everything else to a link-local address."""

    def resolve(host: str, port: int, **_: Any) -> Any:
        ip = host if host == "127.0.0.1" else "169.254.1.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port))]

    return resolve


@pytest.mark.parametrize(
    "ip",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.1", "224.0.0.1", "255.255.255.255",
        "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1",
    ],
)  # fmt: skip
def test_what_is_no_public_address_is_refused_whatever_the_name(ip: str) -> None:
    with pytest.raises(AddressRefusedError):
        pin("crl.example.com", 80, Reach(resolve=lambda *_, **__: [(0, 0, 0, "", (ip, 80))]))


def test_one_private_address_among_public_ones_is_refused() -> None:
    answers = [(0, 0, 0, "", ("93.184.215.14", 80)), (0, 0, 0, "", ("10.0.0.1", 80))]
    with pytest.raises(AddressRefusedError, match=r"crl\.example\.com is 10\.0\.0\.1"):
        pin("crl.example.com", 80, Reach(resolve=lambda *_, **__: answers))


def test_private_addresses_are_for_the_operator_to_allow_but_never_link_local() -> None:
    def leading_to(ip: str) -> Reach:
        return Reach(private=True, resolve=lambda *_, **__: [(0, 0, 0, "", (ip, 80))])

    assert pin("crl.internal", 80, leading_to("10.0.0.1")) == "10.0.0.1"
    for ip in ("169.254.169.254", "127.0.0.1", "::1", "fe80::1"):
        with pytest.raises(AddressRefusedError):
            pin("crl.internal", 80, leading_to(ip))


def test_a_name_is_resolved_once_and_the_connection_goes_there(server: Server) -> None:
    """A second answer, as a rebinding server would give, is never asked for."""
    server.answers["/a.crl"] = 200, {}, b"list"
    port = int(server.address.rsplit(":", 1)[1])
    asked: list[str] = []

    def resolve(host: str, at: int, **_: Any) -> Any:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", at))]

    assert get(f"http://crl.example.com:{port}/a.crl", Reach(loopback=True, resolve=resolve)) == b"list"
    assert asked == ["crl.example.com"]
    assert server.asked[0][1]["Host"] == f"crl.example.com:{port}"


def test_without_the_tests_say_so_loopback_is_refused(server: Server) -> None:
    with pytest.raises(NotFetchedError, match="not a public address"):
        get(f"{server.address}/a.crl", Reach())
    assert server.asked == []


def test_the_function_fetches_what_is_configured_and_reaches_public_addresses_only(
    office: Office, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "configured", lambda: (source(office, f"{server.address}/a.crl"),))
    monkeypatch.setattr(app, "RESERVE", 0)
    assert aws_environment.call(app.handler, {})["ends"] == {office.ca_id: "failed"}
    assert server.asked == []


def test_what_the_function_fetches_is_handed_in(
    office: Office, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers["/a.crl"] = (200, {}, office.revoking(7, number=2))
    monkeypatch.setattr(app, "configured", lambda: (source(office, f"{server.address}/a.crl"),))
    monkeypatch.setattr(app, "RESERVE", 0)
    monkeypatch.setattr(app, "Reach", lambda private: HERE)  # noqa: ARG005 - what the test may reach
    assert aws_environment.call(app.handler, {})["ends"] == {office.ca_id: "handed in"}
    aws_environment.judge_incoming()
    assert office.current() == ["2"]


def test_the_configuration_as_delivered_names_nobody() -> None:
    assert app.configured() == ()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('ca = "abc"\naddresses = ["http://a/"]', "ca"),
        (f'ca = "{"a" * 64}"\naddresses = []', "addresses"),
        (f'ca = "{"a" * 64}"\naddresses = ["ftp://a/"]', "addresses"),
        (f'ca = "{"a" * 64}"\naddresses = ["http://a/"]\nevery = 5', "every"),
    ],
)
def test_a_wrong_source_is_named(line: str, expected: str) -> None:
    with pytest.raises(ConfigurationInvalid, match=expected):
        sources.load(f"[[source]]\n{line}\n")


def test_what_is_remembered_is_bound_to_the_source(office: Office, server: Server) -> None:
    server.answers["/a.crl"] = 200, {}, office.revoking()
    fetched(office, source(office, f"{server.address}/a.crl"))
    [key] = office.keys("fetched/")
    assert (
        json.loads(office.read(key))["sha256"] == hashlib.sha256(office.read(office.keys("incoming/")[0])).hexdigest()
    )


@pytest.mark.parametrize("kept", [b"", b"{", b"[" * 3_000, b'{"fetched_at":"2026-11-23T12:00:00"}'])
def test_what_is_remembered_and_cannot_be_read_is_forgotten(office: Office, server: Server, kept: bytes) -> None:
    server.answers["/a.crl"] = 200, {}, office.revoking()
    wanted = source(office, f"{server.address}/a.crl")
    fetched(office, wanted)
    [key] = office.keys("fetched/")
    objects.write(BUCKET, key, kept, "application/json")
    assert fetched(office, wanted) == "handed in"
    assert json.loads(office.read(key))["address"] == f"{server.address}/a.crl"
