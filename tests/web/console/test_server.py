"""Who is answered: a browser on this machine that has the link, and nobody else."""

import hashlib
import http.client
import json
import socket
from urllib.parse import quote, urlsplit

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from gatehouse.console import fleet
from gatehouse.console.assets import assets
from gatehouse.console.server import Console
from tests.web.console.conftest import Stack
from tests.web.console.stories import arn
from tests.web.console.visitor import Visitor


def said(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "because"}}, "Query")


def test_it_listens_on_this_machine_only(console: Console) -> None:
    assert urlsplit(console.link).hostname == "127.0.0.1"
    port = urlsplit(console.link).port or 0
    own = socket.gethostbyname(socket.gethostname())
    if own.startswith("127."):
        own = "127.0.0.2"
    with socket.socket() as other:
        assert other.connect_ex((own, port)) != 0


def test_without_the_link_nothing_is_answered(console: Console) -> None:
    stranger = Visitor(console, enter=False)
    for path in ("/", "/js/main.js", "/api/session", "/api/admissions", "/?key=guess"):
        status, _, content = stranger.get(path)
        assert (status, b"Open the link" in content) == (401, True), path


def test_link_is_exchanged_for_a_cookie_that_scripts_and_other_sites_do_not_get(console: Console) -> None:
    link = urlsplit(console.link)
    connection = http.client.HTTPConnection(str(link.hostname), link.port)
    connection.request("GET", f"/?{link.query}")
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Location")) == (303, "/")
    cookie = str(answer.getheader("Set-Cookie"))
    assert {"HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))
    assert link.query.removeprefix("key=") not in cookie
    connection.close()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "evil.example:80", "127.0.0.1:1", "", "0.0.0.0:8470"])
def test_foreign_host_is_turned_away_against_dns_rebinding(visitor: Visitor, host: str) -> None:
    for path in ("/", "/api/admissions"):
        connection = http.client.HTTPConnection(urlsplit(visitor.origin).netloc)
        connection.putrequest("GET", path, skip_host=True)
        if host:
            connection.putheader("Host", host)
        connection.endheaders()
        assert connection.getresponse().status == 421
        connection.close()


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_sites_are_turned_away(visitor: Visitor, site: str) -> None:
    assert visitor.get("/api/admissions", Sec_Fetch_Site=site)[0] == 403


def test_every_answer_forbids_foreign_script_framing_and_keeping(visitor: Visitor) -> None:
    for path in ("/", "/console.css", "/api/fleet", "/api/nothing", "/nothing"):
        _, headers, _ = visitor.get(path)
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "require-trusted-types-for 'script'" in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "Access-Control-Allow-Origin" not in headers


def test_what_has_not_changed_is_not_sent_again(visitor: Visitor) -> None:
    _, headers, content = visitor.get("/api/fleet")
    status, again, nothing = visitor.get("/api/fleet", If_None_Match=headers["ETag"])
    assert (status, nothing, again["ETag"]) == (304, b"", headers["ETag"])
    assert len(content) > 0
    assert visitor.get("/api/fleet", If_None_Match='"other"')[0] == 200


@pytest.mark.parametrize(
    "path",
    ["/../api.py", "/js/../../server.py", "/%2e%2e/server.py", "/js/", "/index.html", "//etc/passwd", "/js/main.js%00"],
)
def test_only_the_pages_own_files_are_served(visitor: Visitor, path: str) -> None:
    assert visitor.get(path)[0] == 404


def test_pages_files_name_nothing_outside() -> None:
    for path, asset in assets().items():
        if not path.startswith("/vendor/"):
            text = asset.content.decode()
            found = [
                word
                for word in ("https://", "http://", "//cdn", "innerHTML", "insertAdjacentHTML", "eval(")
                if word in text
            ]
            assert [word for word in found if not (word == "http://" and "www.w3.org/2000/svg" in text)] == [], path
    page = assets()["/"].content.decode()
    assert "<style" not in page
    assert "style=" not in page
    assert "<script>" not in page


def test_vendored_file_is_the_published_one_and_its_licence_lies_beside_it() -> None:
    files = {path: asset for path, asset in assets().items() if path.startswith("/vendor/")}
    (vendored,) = [path for path in files if path.endswith(".js")]
    said = files["/vendor/SOURCES.txt"].content.decode()
    assert vendored.removeprefix("/vendor/") in said
    assert hashlib.sha256(files[vendored].content).hexdigest() in said
    assert b"Permission is hereby granted, free of charge" in files["/vendor/dagre-LICENSE.txt"].content


def redrive(visitor: Visitor, name: str = "stopped", **headers: str) -> tuple[int, dict[str, str]]:
    return visitor.post("/api/redrive", {"execution_arn": arn(name), "reason": "AWS IoT works again"}, **headers)


def test_redrive_goes_on_and_the_trail_keeps_who_and_why(visitor: Visitor, stack: Stack) -> None:
    status, answer = redrive(visitor)
    assert (status, answer.get("evidence_key", "").startswith("records/")) == (200, True)
    assert stack.sfn.redriven == [arn("stopped")]
    begun, done = stack.trail()
    assert (begun["result"], begun["reason"]) == ("begun", "AWS IoT works again")
    assert (done["result"], done["reason"], done["subject"]) == ("succeeded", "AWS IoT works again", arn("stopped"))
    assert done["actor"].startswith("arn:aws:")


def test_page_sees_the_redrive_at_once(visitor: Visitor) -> None:
    where = f"/api/execution?arn={quote(arn('stopped'))}"
    assert visitor.json(where)["status"] == "FAILED"
    redrive(visitor)
    assert visitor.json(where)["visits"][-1]["status"] == "running"


def test_redrive_that_aws_refuses_is_told_and_kept(visitor: Visitor, stack: Stack) -> None:
    status, answer = redrive(visitor, "waiting")
    assert (status, "cannot be redriven" in answer["error"]) == (409, True)
    assert [entry["result"] for entry in stack.trail()] == ["begun", "failed"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"X_Gatehouse_Csrf": "guess"}, 403),
        ({"X_Gatehouse_Csrf": ""}, 403),
        ({"Content_Type": "text/plain"}, 415),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Host": "evil.example"}, 421),
    ],
)
def test_forged_redrive_is_refused_and_nothing_happens(
    visitor: Visitor, stack: Stack, headers: dict[str, str], status: int
) -> None:
    assert redrive(visitor, **headers)[0] == status
    assert stack.sfn.redriven == []
    assert stack.trail() == []


def test_redrive_without_the_link_is_refused(console: Console, stack: Stack) -> None:
    insider = Visitor(console)
    stranger = Visitor(console, enter=False)
    assert redrive(stranger, X_Gatehouse_Csrf=insider.json("/api/session")["csrf"])[0] == 401
    assert stack.sfn.redriven == []


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_redrive_needs_a_reason(visitor: Visitor, stack: Stack, reason: str) -> None:
    status, answer = visitor.post("/api/redrive", {"execution_arn": arn("stopped"), "reason": reason})
    assert (status, "expected 1 to 500" in answer["error"]) == (400, True)
    assert stack.trail() == []


@pytest.mark.parametrize(
    "body", [{}, [], {"execution_arn": "x"}, {"execution_arn": 1, "reason": "x"}, {"reason": "x" * 9000}]
)
def test_redrive_of_nonsense_is_refused(visitor: Visitor, stack: Stack, body: object) -> None:
    assert visitor.post("/api/redrive", body)[0] in (400, 413)
    assert stack.trail() == []


def test_console_on_aws_is_read_only_unless_told_otherwise(stack: Stack) -> None:
    with Console(stack) as read_only:
        visitor = Visitor(read_only)
        assert visitor.json("/api/session")["redrive_allowed"] is False
        status, answer = redrive(visitor)
    assert (status, "--allow-redrive" in answer["error"]) == (403, True)
    assert (stack.sfn.redriven, stack.trail()) == ([], [])


def test_nothing_else_can_be_changed(visitor: Visitor) -> None:
    assert visitor.post("/api/admissions", {})[0] == 404
    connection = http.client.HTTPConnection(urlsplit(visitor.origin).netloc)
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        connection.request(method, "/api/redrive")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 501
        connection.close()


def test_closing_frees_the_port(stack: Stack) -> None:
    with Console(stack) as first:
        port = urlsplit(first.link).port or 0
    with Console(stack, port=port) as second:
        assert Visitor(second).json("/api/session")["stack"] == "gatehouse"


def test_closing_hangs_up_on_a_browser_that_is_still_connected(stack: Stack) -> None:
    with Console(stack) as running:
        link = urlsplit(running.link)
        connection = http.client.HTTPConnection(link.netloc)
        connection.request("GET", f"/?{link.query}")
        assert connection.getresponse().read() == b""
        assert connection.sock is not None  # kept open by both
    with pytest.raises((ConnectionError, http.client.HTTPException)):  # noqa: PT012 - writing may still work
        connection.request("GET", f"/?{link.query}")
        connection.getresponse()


def test_taken_port_is_an_error(console: Console, stack: Stack) -> None:
    with pytest.raises(OSError, match="in use"):
        Console(stack, port=urlsplit(console.link).port or 0)


def test_fault_of_aws_is_told_and_not_shown_as_a_traceback(visitor: Visitor, stack: Stack) -> None:
    stack.sfn.definition = "{}"
    status, _, content = visitor.get("/api/graph")
    assert (status, "Amazon States Language" in json.loads(content)["error"]) == (502, True)


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (said("AccessDeniedException"), 403, "AWS does not permit Query with these credentials"),
        (said("ExpiredTokenException"), 403, "Start a running console again"),
        (said("ThrottlingException"), 503, "too many calls at once. Try again in a moment"),
        (NoCredentialsError(), 403, "Unable to locate credentials. Sign in to AWS"),
        (EndpointConnectionError(endpoint_url="https://sqs"), 503, "AWS cannot be reached"),
        (said("ResourceNotFoundException"), 502, "(ResourceNotFoundException)"),
    ],
    ids=lambda part: type(part).__name__,
)
def test_every_fault_of_aws_is_one_sentence_for_the_page(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, words: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(fleet, "funnel", fail)
    answered, _, content = visitor.get("/api/fleet")
    assert (answered, words in json.loads(content)["error"]) == (status, True), content
