"""The pages and the API, attacked the way it was done: by strangers, by people who may not read, and by signed-in people with odd input."""

import base64
import json
import threading
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from botocore.client import BaseClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from functions.approval.approvals_web.app import handler
from functions.approval.approvals_web.audit_limit import first_of_its_minute
from functions.shared import request_history
from tests import aws_environment
from tests.approvals import HOUR, MINUTE, NOW, api_event, claims, person
from tests.functions.approval.conftest import Scene
from tests.functions.approval.pages.conftest import Browser, Issuer, browser, issuer
from tests.functions.approval.pages.test_sign_in import sessions, trail
from tests.functions.approval.test_search import export
from workflows.approval.request_history import AuditEvent
from workflows.approval.signature import NameSource

__all__ = ["browser", "issuer"]

ADA, SAM = person("ada", "quality"), person("sam", "security")
OTTO, MAL = person("otto", "auditors"), person("mal", "finance")
LAMBDA_ANSWER = 6_291_556
"""Bytes: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


class Writes:
    """Every call that writes, as it is made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[str] = []
        real = BaseClient._make_api_call  # type: ignore[attr-defined]

        def watched(client: Any, operation: str, params: dict[str, Any]) -> Any:
            if not operation.startswith(("Get", "Query", "BatchGet", "Describe", "List", "Scan")):
                self.made.append(operation)
            return real(client, operation, params)

        monkeypatch.setattr(BaseClient, "_make_api_call", watched)


@pytest.fixture
def writes(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Writes:
    scene.asks()
    return Writes(monkeypatch)


# --- Point 6: strangers


def test_attack_a_stranger_writes_nothing_whatever_is_asked_for(writes: Writes, scene: Scene, browser: Browser) -> None:
    """Each unauthenticated ``GET /sign-in/callback?state=x`` kept an object for ten years."""
    for cookie in ("", "rubbish", "e30", "W10"):
        browser.cookies = {"__Host-sign-in": cookie, "__Host-session": cookie} if cookie else {}
        for state in ("x", "", "é", "x" * 5000):
            assert browser.get("/sign-in/callback", state=state, code="c").status == 401
    browser.cookies = {"__Host-session": "made up"}
    for path in ("/", "/approvals", f"/approvals/{scene.id}", f"/approvals/{scene.id}/state", "/search", "/search/export",
                 "/delegations", "/together", "/sign-in", "/sign-out", "/assets/pages.css", "/assets/x", "/nothing",
                 "/api/approvals", f"/api/approvals/{scene.id}", "/api/nothing"):  # fmt: skip
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
            browser.get(path, method)
        browser.post(path, {"csrf": "x", "decision": "approve"})
    assert writes.made == []
    assert trail(scene) == []


def test_attack_a_stranger_with_a_sign_in_of_their_own_writes_once_a_minute(
    scene: Scene, browser: Browser, issuer: Issuer
) -> None:
    """Anybody may begin a sign-in, and be refused as often as they like."""
    issuer.refuses = True
    for _ in range(20):
        asked = browser.begin()
        assert browser.get("/sign-in/callback", code="made-up", state=asked["state"]).status == 401
    assert len(trail(scene)) == 1
    scene.at(NOW + MINUTE)
    for _ in range(2):
        asked = browser.begin()
        browser.get("/sign-in/callback", error="access_denied", state=asked["state"])
    assert len(trail(scene)) == 2
    assert sessions(scene) == []


def test_of_many_at_the_same_moment_one_is_the_first(scene: Scene) -> None:
    won: list[bool] = []
    table = scene.environment["SESSIONS_TABLE"]
    runs = [threading.Thread(target=lambda: won.append(first_of_its_minute(table, "x"))) for _ in range(8)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert sorted(won) == [False] * 7 + [True]


# --- Point 7: refused votes


def test_attack_400_refused_votes_of_somebody_who_may_not_read(writes: Writes, scene: Scene) -> None:
    before = scene.everything_kept()
    assert {scene.votes(MAL)[0] for _ in range(400)} == {403}
    assert scene.everything_kept() == before
    assert writes.made == []
    assert [event.type for event in scene.events(scene.id)] == ["opened", "announced"]


def test_attack_refused_votes_of_somebody_who_may_read_are_kept_up_to_a_bound(scene: Scene) -> None:
    scene.asks()
    assert {scene.votes(OTTO)[0] for _ in range(40)} == {403}
    kept = [event for event in scene.events(scene.id) if event.type == "vote_refused"]
    assert len(kept) == request_history.MOST_REFUSED_OF_ONE
    assert {event.actor for event in kept} == {"otto"}
    assert scene.votes(person("olga", "auditors"))[0] == 403
    assert [event.actor for event in scene.events(scene.id)].count("olga") == 1
    assert scene.votes(ADA)[0] == 200


def test_attack_many_people_who_are_refused_together(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_history, "MOST_REFUSED", 25)
    scene.asks()
    for number in range(40):
        scene.votes(person(f"reader-{number}", "auditors"))
    assert len([event for event in scene.events(scene.id) if event.type == "vote_refused"]) == 25


def test_attack_a_trail_of_any_length_is_answered_in_parts(scene: Scene, browser: Browser, issuer: Issuer) -> None:
    """A request of before the bound may have any number: from some 15,000 on, the answer passed what a Lambda may send."""
    scene.asks()
    event = AuditEvent(
        at=NOW, source="approvals_web", type="vote_refused", actor="otto", result="refused", summary="é" * 2000
    )
    dynamodb = aws_environment.client("dynamodb")
    for first in range(0, 450, 25):
        puts = [
            request_history.put(scene.approvals.table, scene.id, event, number) for number in range(first, first + 25)
        ]
        items = [{"PutRequest": {"Item": put["Put"]["Item"]}} for put in puts]
        dynamodb.batch_write_item(RequestItems={scene.approvals.table: items})
    shown = handler(api_event("GET", f"/api/approvals/{scene.id}", signed_in=claims(ADA)), aws_environment.context())
    browser.sign_in(ADA)
    page = browser.get(f"/approvals/{scene.id}")
    part = export(scene, format="json")
    assert (shown["statusCode"], page.status, part["statusCode"]) == (200, 200, 200)
    assert max(len(json.dumps(shown)), len(page.text), len(json.dumps(part))) < LAMBDA_ANSWER / 2
    assert "These are the first 200" in page.text
    found, cursor = json.loads(shown["body"])["events"], json.loads(shown["body"])["events_cursor"]
    while cursor is not None:
        _, more = scene.api("GET", f"/api/approvals/{scene.id}/events", OTTO, cursor=cursor)
        found, cursor = found + more["events"], more["cursor"]
    assert len(found) == 452
    assert scene.api("GET", f"/api/approvals/{scene.id}/events", MAL)[0] == 403


def test_attack_refused_delegations_are_kept_once_a_minute(scene: Scene) -> None:
    asked = {"group": "quality", "to": "dan", "until": (NOW + HOUR).isoformat(), "reason": ""}
    for _ in range(30):
        assert scene.api("POST", "/api/delegations", ADA, body=asked)[0] == 400
    assert scene.api("POST", "/api/delegations", SAM, body=asked)[0] == 403
    assert sorted(entry["actor"] for entry in trail(scene)) == ["ada", "sam"]


# --- Point 14: odd input


def as_dynamodb(operation: str, params: dict[str, Any]) -> None:
    """What DynamoDB refuses and moto takes: empty keys, keys that are too long, a start key outside of the query's range.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
    """
    if operation != "Query":
        return
    values = {name: next(iter(value.values())) for name, value in params["ExpressionAttributeValues"].items()}
    assert all(value for value in values.values()), values
    assert all(len(value.encode()) <= 1024 for value in values.values()), values
    start = {name: next(iter(value.values())) for name, value in params.get("ExclusiveStartKey", {}).items()}
    assert all(start.values()), start
    if start and "BETWEEN" in params["KeyConditionExpression"]:
        first, last = (values[name] for name in ((":since", ":before") if ":since" in values else (":first", ":last")))
        assert any(first <= value <= last for value in start.values()), (start, first, last)
    if start and ":since" in values and "BETWEEN" not in params["KeyConditionExpression"]:
        assert start["until"] > values[":since"]


@pytest.fixture
def strict(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.asks()
    real = BaseClient._make_api_call  # type: ignore[attr-defined]

    def judged(client: Any, operation: str, params: dict[str, Any]) -> Any:
        as_dynamodb(operation, params)
        return real(client, operation, params)

    monkeypatch.setattr(BaseClient, "_make_api_call", judged)


ODD = st.one_of(
    st.sampled_from(
        ["", " ", "\N{ZERO WIDTH SPACE}", "\x00", "\x1b[2J", "é", "\N{RIGHT-TO-LEFT OVERRIDE}x", "0" * 32, "a" * 3000, "-1",
         "1e400", "²", "null", "[" * 3000, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31", "0000-00-00",
         "WyIiLCIiXQ", "W10", "e30", "../../x", "%00", "mine", "all", "json", "csv", "pending", "1", "event#"]
    ),
    st.text(max_size=40),
    st.lists(st.none() | st.booleans() | st.integers() | st.text(max_size=8), max_size=3).map(
        lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
    ),
    st.tuples(st.sampled_from(["0" * 32, ""]), st.sampled_from(["1999-01-01T00:00:00.000Z", "9999-01-01T00:00:00.000Z",
              "2999-01-01T00:00:00.000Z", "2026-11-23T12:00:00.000Z", "", "x"])).flatmap(
        lambda at: st.sampled_from(
            [list(at), {"of": "mine", "after": {"PENDING": at}}, {"of": "decided", "after": {"APPROVED": at, "EXPIRED": at}},
             {"of": "search\n\n\n\n..", "after": {"PENDING": at}}, {"of": "search\n\nada\n\n..", "after": {"person": at}}]
        )
    ).map(lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")),
)  # fmt: skip
NAMES = [
    "tab",
    "cursor",
    "limit",
    "state",
    "device",
    "person",
    "status",
    "from",
    "to",
    "format",
    "ticked",
    "back",
    "fresh",
    "code",
]
READ = ["/api/approvals", "/api/approvals/{id}", "/api/approvals/{id}/events", "/api/approvals/{odd}", "/api/search", "/api/export",
        "/api/delegations", "/approvals", "/approvals/{id}", "/approvals/{id}/receipt", "/approvals/{id}/state", "/approvals/{odd}",
        "/delegations", "/search", "/search/export", "/together", "/sign-in", "/sign-in/callback", "/assets/{odd}", "/{odd}"]  # fmt: skip
WRITTEN = ["/api/approvals/{id}/vote", "/api/approvals/{odd}/vote", "/api/votes", "/api/delegations", "/api/delegations/{odd}/end",
           "/approvals/{id}/vote", "/together", "/together/vote", "/delegations", "/delegations/{odd}/end", "/sign-out"]  # fmt: skip
QUICK = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(
    st.sampled_from(READ),
    st.dictionaries(st.sampled_from(NAMES), ODD, max_size=4),
    ODD,
    st.sampled_from(["GET", "HEAD"]),
)
@example("/api/delegations", {"cursor": "WyIiLCIiXQ"}, "x", "GET")
@example("/api/search", {"person": " "}, "x", "GET")
@example("/api/search", {"device": "a" * 3000}, "x", "GET")
@QUICK
def test_attack_no_question_of_a_signed_in_person_is_an_error_of_ours(  # noqa: PLR0917
    strict: None, scene: Scene, path: str, query: dict[str, str], odd: str, method: str
) -> None:
    """A 502 raises an alarm; ``cursor=WyIiLCIiXQ`` was one."""
    where = path.replace("{id}", scene.id).replace("{odd}", quote(odd, safe=""))
    event = api_event(method, where, signed_in=claims(ADA), **query)
    event["rawQueryString"] = urlencode(query)
    event["cookies"] = [f"__Host-sign-in={odd}", f"__Host-session={odd}"]
    answer = handler(event, aws_environment.context())
    assert answer["statusCode"] < 500, answer
    assert method == "GET" or answer["body"] == ""


BODIES = st.one_of(
    st.binary(max_size=60),
    ODD.map(str.encode),
    st.sampled_from([b"\xff\xfe", b"[" * 5000, b'{"a":' * 3000, b"decision=%ff&csrf=%80", b'{"reason": "\\ud800"}']),
    st.fixed_dictionaries(
        {
            "decision": st.sampled_from(["approve", "reject", "", None]),
            "reason": ODD | st.none(),
            "meaning": ODD,
            "basis_sha256": ODD,
            "delegation_id": ODD | st.none(),
        }
    ).map(lambda value: json.dumps(value).encode()),
    st.fixed_dictionaries({"group": ODD, "to": ODD, "until": ODD, "reason": ODD}).map(
        lambda value: json.dumps(value).encode()
    ),
    st.dictionaries(
        st.sampled_from(["csrf", "decision", "ballot", "ticked", "until", "group", "to", "reason", "basis"]), ODD
    ).map(lambda value: urlencode(value).encode()),
)


@given(st.sampled_from(WRITTEN), BODIES, ODD, st.sampled_from(["base64", "plain", "wrong"]))
@example("/approvals/{id}/vote", b"\xff\xfe", "x", "base64")
@example("/api/votes", b"\xff\xfe", "x", "base64")
@example("/api/delegations", b"[" * 5000, "x", "base64")
@QUICK
def test_attack_nothing_that_is_sent_is_an_error_of_ours(  # noqa: PLR0917
    strict: None, scene: Scene, browser: Browser, path: str, body: bytes, odd: str, coding: str
) -> None:
    """A form that is not UTF-8 was a 502."""
    if "__Host-session" not in browser.cookies:
        browser.sign_in(ADA)
    where = path.replace("{id}", scene.id).replace("{odd}", quote(odd, safe=""))
    event = api_event("POST", where, signed_in=claims(ADA))
    event["body"] = body.decode("latin-1") if coding == "plain" else base64.b64encode(body).decode()
    event["isBase64Encoded"] = coding != "plain"
    if coding == "wrong":
        event["body"] += "=é"
    event["cookies"] = [f"{name}={value}" for name, value in browser.cookies.items()]
    event["headers"] |= {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
    answer = handler(event, aws_environment.context())
    assert answer["statusCode"] < 500, answer
    assert scene.request().votes == ()


def test_a_form_that_is_not_utf_8_is_told_so(scene: Scene, browser: Browser) -> None:
    scene.asks()
    browser.sign_in(ADA)
    event = api_event("POST", f"/approvals/{scene.id}/vote")
    event |= {"body": base64.b64encode(b"csrf=\xff").decode(), "isBase64Encoded": True}
    event["cookies"] = [f"{name}={value}" for name, value in browser.cookies.items()]
    assert handler(event, aws_environment.context())["statusCode"] == 400


# --- Points 16 and 17


def test_a_spreadsheet_is_told_that_the_export_is_utf_8(scene: Scene) -> None:
    scene.asks()
    body = export(scene, format="csv")["body"]
    assert body.startswith('\ufeff"approval_id"')
    assert body.count("\ufeff") == 1
    assert not export(scene, format="json")["body"].startswith("\ufeff")


@pytest.mark.parametrize(
    "path", ["/", "/approvals", "/approvals/{id}", "/search", "/sign-in", "/assets/pages.css", "/nothing"]
)
def test_head_of_a_mailed_link_is_the_get_of_nobody_and_no_more(
    scene: Scene, browser: Browser, issuer: Issuer, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    scene.asks()
    where = path.replace("{id}", scene.id)
    got = Browser(scene, issuer).get(where)
    browser.sign_in(ADA)
    scene.at(NOW + 5 * MINUTE)  # long enough for a session to be noted as attended
    kept, cookies, writes = sessions(scene), dict(browser.cookies), Writes(monkeypatch)
    head = browser.get(where, "HEAD")
    assert (head.status, head.text, head.cookies) == (got.status, "", [])
    assert set(head.headers) == set(got.headers)
    assert (writes.made, sessions(scene), browser.cookies) == ([], kept, cookies)


def test_head_of_the_callback_redeems_nothing(scene: Scene, browser: Browser, issuer: Issuer) -> None:
    asked = browser.begin()
    issuer.authenticates(ADA, asked["nonce"])
    assert browser.get("/sign-in/callback", "HEAD", code="code-1", state=asked["state"]).status == 401
    assert (issuer.redeemed, trail(scene)) == ({}, [])
    assert browser.get("/sign-in/callback", code="code-1", state=asked["state"]).status == 303


def test_attack_the_name_is_changed_between_sign_in_and_vote(scene: Scene, browser: Browser, issuer: Issuer) -> None:
    """A signature prints the name of the sign-in's token, and says whose token that was, which claim, and of when."""
    scene.asks()
    issuer.claims = {"iat": int(NOW.timestamp())}
    browser.sign_in(replace(ADA, name="Ada Lovelace"))
    issuer.claims = {"name": "Somebody Else"}
    path = f"/approvals/{scene.id}"
    browser.submit(browser.get(path), f"{path}/vote", decision="approve", meaning="approval", reason="Matches")
    [vote] = scene.request().votes
    assert vote.name == "Ada Lovelace"
    assert vote.name_from == NameSource(issuer="https://issuer.example", claim="name", issued_at=NOW)
    assert "https://issuer.example" in browser.get(f"{path}/receipt").text
