"""Finding requests again and taking them away: by index, page by page, and without changing anything."""

import csv
import io
import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from botocore.client import BaseClient
from msgspec.structs import replace

from functions.approval.approvals_web import export_parts, paging
from functions.approval.approvals_web.app import handler
from tests import aws_environment
from tests.approvals import HOUR, MINUTE, NOW, TOKEN, api_event, asked, claims, person
from tests.functions.approval.conftest import Scene
from tests.functions.approval.test_api import keep

ADA, SAM = person("ada", "quality"), person("sam", "security")
OTTO = person("otto", "auditors")


def search(scene: Scene, who: Any = OTTO, **query: str) -> list[str]:
    """The ids of every page."""
    found: list[str] = []
    while True:
        status, shown = scene.api("GET", "/api/search", who, **query)
        assert status == 200, shown
        found += [line["approval_id"] for line in shown["approvals"]]
        if shown["cursor"] is None:
            return found
        query["cursor"] = shown["cursor"]


def export(scene: Scene, who: Any = OTTO, **query: str) -> dict[str, Any]:
    answer: dict[str, Any] = handler(
        api_event("GET", "/api/export", signed_in=claims(who, at=scene.now), **query), aws_environment.context()
    )
    return answer


def exported(scene: Scene, **query: str) -> list[str]:
    """The text of every part, following the Link header as any client would."""
    parts: list[str] = []
    while True:
        answer = export(scene, **query)
        assert answer["statusCode"] == 200, answer
        parts.append(answer["body"])
        if "Link" not in answer["headers"]:
            return parts
        link = answer["headers"]["Link"]
        assert link.endswith('>; rel="next"')
        query = dict(parse_qsl(urlsplit(link[1:].partition(">")[0]).query))


def test_by_device_newest_first(scene: Scene) -> None:
    kept = keep(scene, 3, device="pump-7")
    keep(scene, 2)
    assert search(scene, device="pump-7") == [made.approval_id for made in reversed(kept)]
    assert search(scene, device="pump-7", limit="1") == [made.approval_id for made in reversed(kept)]
    assert search(scene, device="PUMP-7") == []


def test_by_whoever_voted_under_any_of_their_names(scene: Scene) -> None:
    voted = scene.asks()
    keep(scene, 2)
    scene.votes(replace(ADA, name="Ada Lovelace"))
    for name in ("ada", "ADA", "Ada Lovelace", " ada lovelace "):
        assert search(scene, person=name) == [voted]
    assert search(scene, person="lovelace") == []


def test_by_a_verified_address(scene: Scene) -> None:
    voted = scene.asks()
    scene.api(
        "POST",
        f"/api/approvals/{voted}/vote",
        claims(ADA, at=scene.now, email="Ada@Example.com", email_verified=True),
        body={
            "decision": "reject",
            "reason": "no",
            "meaning": "rejection",
            "basis_sha256": asked().device.basis_sha256,
        },
    )
    assert search(scene, person="ada@example.com") == [voted]


def test_by_whoever_entered_the_device(scene: Scene) -> None:
    entered = scene.asks(asked(entered_by="arn:aws:sts::123456789012:assumed-role/Operator/erin@example.com"))
    assert search(scene, person="erin@example.com") == [entered]
    assert search(scene, person="arn:aws:sts::123456789012:assumed-role/operator/erin@example.com") == [entered]


def test_by_whoever_was_voted_for(scene: Scene) -> None:
    voted = scene.asks()
    until = (NOW + 24 * HOUR).isoformat()
    given = {"group": "quality", "to": "sam", "until": until, "reason": "On holiday"}
    ada = claims(ADA, at=scene.now, email="ada@example.com", email_verified=True)
    identity = scene.api("POST", "/api/delegations", ada, body=given)[1]["delegation"]["delegation_id"]
    assert scene.votes(SAM, delegation_id=identity)[0] == 200
    for name in ("ada", "sam", "ada@example.com"):
        assert search(scene, person=name) == [voted]


def test_by_status(scene: Scene) -> None:
    pending = keep(scene, 1)[0].approval_id
    overdue = keep(scene, 1, decide_by=NOW)[0].approval_id
    lost = keep(scene, 1, status="APPROVED", resume_state="LOST", decided_at=NOW)[0].approval_id
    done = keep(scene, 1, status="APPROVED", resume_state="DELIVERED", decided_at=NOW)[0].approval_id
    expired = keep(scene, 1, status="EXPIRED", resume_state="DELIVERED", decided_at=NOW)[0].approval_id
    assert search(scene, status="pending") == [pending]
    assert set(search(scene, status="approved")) == {lost, done}
    assert set(search(scene, status="expired")) == {overdue, expired}
    assert search(scene, status="not_carried_out") == [lost]
    assert search(scene, status="rejected") == []
    assert len(search(scene)) == len(search(scene, limit="2")) == 5


def test_by_time_from_and_before(scene: Scene) -> None:
    kept = keep(scene, 4)
    first, second, third, _ = (made.requested_at.isoformat().replace("+00:00", "Z") for made in kept)
    assert search(scene, **{"from": second, "to": third}) == [kept[1].approval_id]
    assert search(scene, to=second) == [kept[0].approval_id]
    assert search(scene, **{"from": first, "device": "pump-0042"}) == [made.approval_id for made in reversed(kept)]
    assert search(scene, **{"from": "2026-11-24"}) == []


def test_everything_that_is_given_has_to_fit(scene: Scene) -> None:
    voted = scene.asks()
    scene.votes(ADA)
    assert search(scene, person="ada", device="pump-0042", status="pending") == [voted]
    assert search(scene, person="ada", device="pump-1") == []
    assert search(scene, person="ada", status="rejected") == []
    assert search(scene, person="ada", to="2026-11-01") == []


@pytest.mark.parametrize(
    "query",
    [
        {"status": "dead"},
        {"from": "yesterday"},
        {"to": "2026-11-23T12:00:00"},
        {"cursor": "x"},
        {"limit": "0"},
        {"limit": "101"},
        {"devcie": "pump-7"},
    ],
    ids=str,
)
def test_a_question_that_cannot_be_answered(scene: Scene, query: dict[str, str]) -> None:
    assert scene.api("GET", "/api/search", OTTO, **query)[0] == 400
    if query != {"limit": "101"}:
        assert export(scene, **query)["statusCode"] == 400


def test_a_cursor_of_another_search_is_refused(scene: Scene) -> None:
    keep(scene, 3)
    _, shown = scene.api("GET", "/api/search", OTTO, device="pump-0042", limit="1")
    assert shown["cursor"]
    assert scene.api("GET", "/api/search", OTTO, device="pump-7", cursor=shown["cursor"])[0] == 400
    assert scene.api("GET", "/api/approvals", OTTO, tab="waiting", cursor=shown["cursor"])[0] == 400


def test_a_long_way_to_the_next_hit_is_walked_in_steps(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MOST_READ", 2)
    rare = keep(scene, 1, requested_at=NOW - HOUR, device="pump-9")[0].approval_id
    keep(scene, 5)
    first = scene.api("GET", "/api/search", OTTO, person="erin", device="pump-9")[1]
    assert first["approvals"] == []
    assert first["cursor"]
    assert search(scene, person="erin", device="pump-9") == [rare]


@pytest.mark.parametrize("path", ["/api/search", "/api/export"])
def test_who_may_not_look(scene: Scene, path: str) -> None:
    scene.asks()
    assert scene.api("GET", path, person("mal", "finance"))[0] == 403
    assert scene.api("GET", path)[0] == 401
    for method in ("POST", "PUT", "DELETE"):
        assert scene.api(method, path, OTTO)[0] == 404


def test_looking_changes_nothing(scene: Scene) -> None:
    scene.asks()
    scene.at(NOW + 5 * HOUR)
    before = scene.everything_kept()
    search(scene, device="pump-0042")
    exported(scene, format="json")
    assert scene.everything_kept() == before


def test_no_search_scans_the_table(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    real = BaseClient._make_api_call  # type: ignore[attr-defined]

    def noted(self: Any, operation: str, given: Any) -> Any:
        called.append(operation)
        return real(self, operation, given)

    scene.asks()
    monkeypatch.setattr(BaseClient, "_make_api_call", noted)
    for query in ({}, {"device": "pump-0042"}, {"person": "erin"}, {"status": "expired"}):
        search(scene, **query)
        exported(scene, **query)
    assert "Query" in called
    assert "Scan" not in called


def test_a_csv_of_several_parts_is_one_file(scene: Scene) -> None:
    scene.asks()
    scene.votes(ADA)
    keep(scene, 4)
    parts = exported(scene, format="csv", limit="2")
    assert len(parts) == 3
    lines = list(csv.DictReader(io.StringIO("".join(parts), newline="")))
    assert len(lines) == 5
    assert {line["device"] for line in lines} == {"pump-0042"}
    assert sum("Ada (quality)" in line["signatures"] for line in lines) == 1
    answer = export(scene, format="csv")
    assert answer["headers"]["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["headers"]["Content-Disposition"] == 'attachment; filename="approvals.csv"'
    assert answer["headers"]["Cache-Control"] == "no-store"


def test_json_holds_every_signature_and_the_whole_trail_and_no_token(scene: Scene) -> None:
    identity = scene.asks()
    scene.votes(ADA)
    [part] = exported(scene, format="json")
    [told] = json.loads(part)["approvals"]
    assert told["approval_id"] == identity
    assert told["votes"][0]["signature"]
    assert [event["type"] for event in told["events"]] == ["opened", "announced", "voted"]
    assert TOKEN not in part
    assert "token" not in part


def test_a_part_ends_before_it_is_too_large_for_a_lambda(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = keep(scene, 6)
    monkeypatch.setattr(export_parts, "MOST_BYTES", 1500)
    for form in ("csv", "json"):
        parts = exported(scene, format=form)
        assert len(parts) > 1
        assert sum(made.approval_id in "".join(parts) for made in kept) == 6


def test_a_delegate_of_nobodys_group_finds_nothing_once_it_ended(scene: Scene) -> None:
    scene.asks()
    dan = person("dan", "clerks")
    until = (NOW + MINUTE).isoformat()
    given = {"group": "quality", "to": "dan", "until": until, "reason": "On holiday"}
    assert scene.api("POST", "/api/delegations", ADA, body=given)[0] == 201
    assert scene.api("GET", "/api/search", dan)[0] == 200
    scene.at(NOW + MINUTE)
    assert scene.api("GET", "/api/search", dan)[0] == 403
