"""Lists and single requests, for those who may see them. Reading changes nothing."""

import base64
import json
from typing import Any

import pytest
from msgspec.structs import replace

from functions.shared.approvals import Approvals
from tests.approvals import HOUR, MINUTE, NOW, after, asked, asks, claims, person, request, ruling
from tests.functions.approval.conftest import Scene
from workflows.approval.request import Request, approval_id, opened
from workflows.errors import AwsUnavailable

ADA, KIM, SAM = person("ada", "quality"), person("kim", "quality"), person("sam", "security")
OTTO = person("otto", "auditors")
NO = after(request(), KIM, decision="reject").votes


def keep(scene: Scene, count: int, **unusual: Any) -> list[Request]:
    """So many requests, a minute apart, as if each had been opened."""
    kept = []
    for number in range(count):
        at = NOW - (count - number) * MINUTE
        made = replace(request(at=at), approval_id=approval_id(f"arn:{number}:{unusual}", "c"), **unusual)
        assert scene.approvals.open(made, opened(made), snapshot="{}", token=b"x")
        kept.append(made)
    return kept


def tab(scene: Scene, name: str, who: Any = ADA, **query: str) -> tuple[list[str], str | None]:
    status, shown = scene.api("GET", "/api/approvals", who, tab=name, **query)
    assert status == 200, shown
    assert shown["tab"] == name
    return [line["approval_id"] for line in shown["approvals"]], shown["cursor"]


def test_one_request_with_everything_to_decide_on(scene: Scene) -> None:
    scene.asks()
    scene.votes(SAM)
    status, shown = scene.api("GET", f"/api/approvals/{scene.id}", ADA)
    assert status == 200
    assert shown["sentence"].startswith("Activate certificate ")
    assert shown["snapshot"]["device"]["record"]["device"] == "pump-0042"
    assert shown["you"] == {
        "may_vote": True,
        "why_not": None,
        "voted": None,
        "in_own_name": True,
        "on_behalf_of": [],
    }
    assert [vote["name"] for vote in shown["votes"]] == ["Sam"]
    assert [event["type"] for event in shown["events"]] == ["opened", "announced", "voted"]
    assert {meaning["key"] for meaning in shown["meanings"]["approve"]} == {"approval", "responsibility"}
    assert shown["basis_sha256"] == asked().device.basis_sha256
    received = {part["group"]: part["received"] for part in shown["requirements"]}
    assert received == {"quality": 0, "security": 1}


def test_what_somebody_may_not_do_is_said_before(scene: Scene) -> None:
    scene.asks()
    _, shown = scene.api("GET", f"/api/approvals/{scene.id}", OTTO)
    assert shown["you"]["may_vote"] is False
    assert "none of these groups" in shown["you"]["why_not"]


def test_reading_changes_nothing_even_when_a_request_is_overdue(scene: Scene) -> None:
    scene.asks()
    scene.at(NOW + 5 * HOUR)
    before = scene.everything_kept()
    _, shown = scene.api("GET", f"/api/approvals/{scene.id}", ADA)
    assert shown["status"] == "expired"
    assert scene.api("HEAD", f"/api/approvals/{scene.id}/vote", ADA)[0] == 404
    assert scene.api("GET", f"/api/approvals/{scene.id}/vote", ADA)[0] == 404
    assert scene.everything_kept() == before


@pytest.mark.parametrize("path", ["/api/approvals", "/api/approvals/{id}", "/api/approvals/" + "0" * 32])
def test_somebody_in_no_group_sees_nothing_and_learns_nothing(scene: Scene, path: str) -> None:
    scene.asks()
    status, told = scene.api("GET", path.replace("{id}", scene.id), person("mal", "finance"))
    assert (status, told["code"]) == (403, "not_allowed")


def test_groups_that_only_an_older_rule_asks_still_see_their_request(scene: Scene) -> None:
    identity = scene.asks(asked(rule=ruling(requirements=asks(safety=1))))
    assert scene.api("GET", f"/api/approvals/{identity}", person("zoe", "safety"))[0] == 200


@pytest.mark.parametrize(
    "unusual", [{"iss": "https://evil.example"}, {"token_use": "access"}, {"exp": "0"}, {"aud": "other"}]
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/approvals"), ("GET", "/api/approvals/{id}"), ("POST", "/api/approvals/{id}/vote")],
)
def test_a_token_that_does_not_count(scene: Scene, method: str, path: str, unusual: dict[str, Any]) -> None:
    scene.asks()
    assert scene.api(method, path.replace("{id}", scene.id), claims(ADA, **unusual))[0] == 401
    assert scene.api(method, path.replace("{id}", scene.id))[0] == 401
    assert scene.request().votes == ()


def test_the_tabs(scene: Scene) -> None:
    open_, other = keep(scene, 1), keep(scene, 1, entered_by="ada")
    voted = scene.asks()
    scene.votes(ADA)
    lost = keep(scene, 1, status="APPROVED", resume_state="LOST", decided_at=NOW)
    rejected = keep(scene, 1, votes=NO, status="REJECTED", resume_state="DELIVERED", decided_at=NOW)
    assert tab(scene, "mine")[0] == [open_[0].approval_id]
    assert set(tab(scene, "waiting")[0]) == {other[0].approval_id, voted}
    assert set(tab(scene, "decided")[0]) == {lost[0].approval_id, rejected[0].approval_id}
    assert tab(scene, "not_carried_out")[0] == [lost[0].approval_id]
    assert tab(scene, "mine", OTTO)[0] == []
    assert len(tab(scene, "waiting", OTTO)[0]) == 3


def test_open_requests_come_oldest_first_and_page_by_page(scene: Scene) -> None:
    kept = [made.approval_id for made in keep(scene, 7)]
    first, cursor = tab(scene, "mine", limit="3")
    assert cursor is not None
    second, cursor = tab(scene, "mine", limit="3", cursor=cursor)
    assert cursor is not None
    third, cursor = tab(scene, "mine", limit="3", cursor=cursor)
    assert first + second + third == kept
    assert cursor is None


def test_decided_requests_come_newest_first_whatever_was_decided(scene: Scene) -> None:
    kept = [
        made
        for status in ("APPROVED", "REJECTED", "EXPIRED")
        for made in keep(scene, 3, votes=NO, status=status, resume_state="DELIVERED", decided_at=NOW)
    ]
    found: list[str] = []
    cursor: str | None = None
    for _ in range(9):
        page, cursor = tab(scene, "decided", limit="2", **({"cursor": cursor} if cursor else {}))
        found += page
        if cursor is None:
            break
    times = {made.approval_id: made.requested_at for made in kept}
    assert sorted(found) == sorted(times)
    assert [times[identity] for identity in found] == sorted(times.values(), reverse=True)


def test_a_page_reads_no_more_than_it_must(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many requests that are not mine, a page looks at a bounded number and says where to go on."""
    monkeypatch.setattr("functions.approval.approvals_web.paging.MOST_READ", 5)
    keep(scene, 6, entered_by="ada")
    mine = keep(scene, 1)
    first, cursor = tab(scene, "mine")
    assert first == []
    assert cursor is not None
    found = first
    while cursor is not None:
        page, cursor = tab(scene, "mine", cursor=cursor)
        found += page
    assert found == [mine[0].approval_id]


def cursor(**parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


@pytest.mark.parametrize(
    "written",
    [
        "x",
        "%00",
        cursor(of="decided", after={}),
        cursor(of="mine", after={"LOST": ["0" * 32, "2026-11-23T12:00:00.000Z"]}),
        cursor(of="mine", after={"PENDING": ["", "2026-11-23T12:00:00.000Z"]}),
        cursor(of="mine", after={"PENDING": ["0" * 32, "x"]}),
        cursor(of="mine", after={}, more=1),
    ],
)
def test_a_cursor_that_is_none_of_ours(scene: Scene, written: str) -> None:
    status, told = scene.api("GET", "/api/approvals", ADA, tab="mine", cursor=written)
    assert (status, told["code"]) == (400, "bad_cursor")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"tab": "x"}, "unknown_tab"),
        ({"limit": "0"}, "bad_request"),
        ({"limit": "101"}, "bad_request"),
        ({"limit": "²"}, "bad_request"),
    ],
)
def test_a_question_that_makes_no_sense(scene: Scene, query: dict[str, str], code: str) -> None:
    status, told = scene.api("GET", "/api/approvals", ADA, **query)
    assert (status, told["code"]) == (400, code)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api"),
        ("POST", "/api/approvals"),
        ("DELETE", "/api/approvals/{id}"),
        ("PUT", "/api/approvals/{id}/vote"),
    ],
)
def test_routes_that_are_none(scene: Scene, method: str, path: str) -> None:
    scene.asks()
    status, told = scene.api(method, path.replace("{id}", scene.id), ADA)
    assert (status, told["code"]) == (404, "not_found")


def test_an_outage_is_told_as_one(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> Request:
        raise AwsUnavailable("DynamoDB is away: arn:aws:dynamodb:secret-detail")

    monkeypatch.setattr(Approvals, "find", fails)
    status, told = scene.api("GET", f"/api/approvals/{scene.id}", ADA)
    assert (status, told["code"]) == (503, "try_again")
    assert "secret-detail" not in told["message"]
