"""Delegations through the API: kept, on the trail, seen by everybody, and standing when the vote is written or not at all."""

import json
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from functions.shared.approvals import Approvals
from functions.shared.audit_trail import AuditTrail
from tests import aws_environment
from tests.approvals import HOUR, MINUTE, NOW, asked, claims, person
from tests.functions.approval.conftest import Scene
from workflows.approval.request import Step
from workflows.evidence.errors import TrailUnavailable

DAY = timedelta(days=1)
ADA, KIM, SAM, DAN = (
    person("ada", "quality"),
    person("kim", "quality"),
    person("sam", "security"),
    person("dan", "clerks"),
)
OTTO = person("otto", "auditors")


@pytest.fixture(autouse=True)
def opened(scene: Scene) -> None:
    scene.asks()
    scene.at(NOW + MINUTE)


def delegates(scene: Scene, who: Any = ADA, **unusual: Any) -> tuple[int, Any]:
    body = {"group": "quality", "to": "dan", "until": (NOW + DAY).isoformat(), "reason": "On holiday", **unusual}
    return scene.api("POST", "/api/delegations", who, body=body)


def made(scene: Scene, who: Any = ADA, **unusual: Any) -> str:
    status, told = delegates(scene, who, **unusual)
    assert status == 201, told
    identity: str = told["delegation"]["delegation_id"]
    return identity


def ends(scene: Scene, identity: str, who: Any = ADA, reason: str = "Back again") -> tuple[int, Any]:
    return scene.api("POST", f"/api/delegations/{identity}/end", who, body={"reason": reason})


def trail() -> list[dict[str, Any]]:
    s3, bucket = aws_environment.client("s3"), aws_environment.NAMES["EVIDENCE_BUCKET"]
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket=bucket, Prefix="trail/").get("Contents", [])]
    return [json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in sorted(keys)]


def test_a_delegate_votes_and_everything_says_for_whom(scene: Scene) -> None:
    identity = made(scene)
    status, told = scene.votes(DAN, delegation_id=identity)
    assert status == 200, told
    assert told["receipt"]["name"] == "Dan"
    assert told["receipt"]["on_behalf_of"] == {
        "delegation_id": identity,
        "subject": "ada",
        "name": "Ada",
        "group": "quality",
        "until": "2026-11-24T12:00:00Z",
    }
    scene.votes(SAM)
    _, shown = scene.api("GET", f"/api/approvals/{scene.id}", OTTO)
    assert shown["status"] == "approved"
    assert shown["events"][-2]["summary"].startswith("Dan on behalf of Ada (quality): ")
    decision = scene.reads()
    assert "Dan on behalf of Ada (quality)" in decision.reason
    assert [vote.right_holder for vote in decision.votes] == ["ada", "sam"]


def test_the_delegate_sees_what_they_may_decide_and_in_whose_name(scene: Scene) -> None:
    assert scene.api("GET", "/api/approvals", DAN)[0] == 403
    identity = made(scene)
    _, shown = scene.api("GET", "/api/approvals", DAN, tab="mine")
    assert [line["approval_id"] for line in shown["approvals"]] == [scene.id]
    assert shown["approvals"][0]["you"]["in_own_name"] is False
    [way] = shown["approvals"][0]["you"]["on_behalf_of"]
    assert (way["delegation_id"], way["name"], way["group"]) == (identity, "Ada", "quality")
    scene.votes(ADA)
    _, shown = scene.api("GET", "/api/approvals", DAN, tab="waiting")
    assert shown["approvals"][0]["you"]["may_vote"] is False


def test_making_and_ending_are_on_the_trail(scene: Scene) -> None:
    identity = made(scene)
    scene.at(NOW + 2 * MINUTE)  # the trail is in order of time
    assert ends(scene, identity)[0] == 200
    told = [(one["type"], one["result"], one["actor"], one["subject"]) for one in trail()]
    assert told == [
        ("delegate", "begun", "ada", identity),
        ("delegate", "succeeded", "ada", identity),
        ("end_delegation", "begun", "ada", identity),
        ("end_delegation", "succeeded", "ada", identity),
    ]
    assert trail()[0]["new"]["delegate"] == "dan"
    assert trail()[2]["new"]["reason"] == "Back again"
    assert len({one["id"] for one in trail()}) == 2


def test_what_cannot_be_recorded_is_not_done(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = made(scene)

    def away(*_: Any, **__: Any) -> str:
        raise TrailUnavailable("S3 is away")

    with monkeypatch.context() as patch:
        patch.setattr(AuditTrail, "record", away)
        assert delegates(scene, to="kim")[0] == 503
        assert ends(scene, identity)[0] == 503
    _, shown = scene.api("GET", "/api/delegations", OTTO)
    assert [one["delegation_id"] for one in shown["delegations"]] == [identity]


def test_the_same_again_is_made_once(scene: Scene) -> None:
    identity = made(scene)
    entries = len(trail())
    status, told = delegates(scene)
    assert (status, told["repeated"], told["delegation"]["delegation_id"]) == (200, True, identity)
    assert len(trail()) == entries
    ends(scene, identity)
    assert ends(scene, identity)[1]["repeated"] is True
    assert delegates(scene)[1]["code"] == "already_ended"


def test_a_refusal_is_on_the_trail(scene: Scene) -> None:
    status, told = delegates(scene, SAM)
    assert (status, told["code"]) == (403, "not_eligible")
    [entry] = trail()
    assert (entry["type"], entry["result"], entry["actor"]) == ("delegate", "refused", "sam")


@pytest.mark.parametrize(
    "body",
    ["", "[]", "{}", '{"group": "quality"}', '{"group": "quality", "to": "dan", "until": "soon", "reason": "x"}'],
)
def test_a_body_that_is_no_delegation(scene: Scene, body: str) -> None:
    assert scene.api("POST", "/api/delegations", ADA, body=body)[0] == 400


def test_who_delegates_is_never_taken_from_the_body(scene: Scene) -> None:
    assert delegates(scene, delegator="kim")[0] == 400


def test_everybody_who_may_read_sees_them_and_nobody_else(scene: Scene) -> None:
    identity = made(scene)
    for who in (ADA, SAM, DAN, OTTO):
        status, shown = scene.api("GET", "/api/delegations", who)
        assert status == 200
        assert [one["delegation_id"] for one in shown["delegations"]] == [identity]
    assert scene.api("GET", "/api/delegations", person("mal", "finance"))[0] == 403
    ends(scene, identity)
    assert scene.api("GET", "/api/delegations", OTTO)[1]["delegations"] == []
    [ended] = scene.api("GET", "/api/delegations", OTTO, state="all")[1]["delegations"]
    assert (ended["stands"], ended["ended_because"]) == (False, "Back again")


def test_page_by_page(scene: Scene) -> None:
    all_of_them = {made(scene, until=(NOW + DAY + number * HOUR).isoformat()) for number in range(5)}
    seen: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(4):
        _, shown = scene.api("GET", "/api/delegations", OTTO, limit="2", **cursor)
        seen += [one["delegation_id"] for one in shown["delegations"]]
        if shown["cursor"] is None:
            break
        cursor = {"cursor": shown["cursor"]}
    assert len(seen) == 5
    assert set(seen) == all_of_them


@pytest.mark.parametrize("query", [{"cursor": "x"}, {"cursor": "W10"}, {"state": "dead"}, {"limit": "0"}])
def test_a_list_that_is_asked_for_wrongly(scene: Scene, query: dict[str, str]) -> None:
    assert scene.api("GET", "/api/delegations", OTTO, **query)[0] == 400


@pytest.mark.parametrize("identity", ["0" * 32, "x", "%2e%2e"])
def test_one_that_is_not_there(scene: Scene, identity: str) -> None:
    assert ends(scene, identity)[0] == 404
    assert scene.votes(ADA, delegation_id=identity)[1]["code"] == "no_delegation"


def test_an_auditor_is_nobodys_delegate_and_ends_nothing(scene: Scene) -> None:
    identity = made(scene, to="otto")
    assert scene.votes(OTTO, delegation_id=identity)[1]["code"] == "no_delegation"
    other = made(scene)
    assert ends(scene, other, OTTO)[1]["code"] == "not_yours"
    assert delegates(scene, OTTO)[1]["code"] == "not_eligible"


def test_another_persons_delegation_is_no_use(scene: Scene) -> None:
    identity = made(scene)
    mal = replace(person("mal", "clerks", "security"), known_as=("dan",))
    assert scene.votes(mal, delegation_id=identity)[1]["code"] == "no_delegation"


def test_an_address_is_believed_only_if_the_provider_verified_it(scene: Scene) -> None:
    identity = made(scene, to="dan@example.com")
    body = {
        "decision": "approve",
        "reason": "ok",
        "meaning": "approval",
        "basis_sha256": asked().device.basis_sha256,
        "delegation_id": identity,
    }
    path = f"/api/approvals/{scene.id}/vote"
    for verified in ("false", ""):
        taken = claims(DAN, at=scene.now, email="dan@example.com", email_verified=verified)
        assert scene.api("POST", path, taken, body=body)[0] == 403
    own = claims(DAN, at=scene.now, email="Dan@Example.com", email_verified=True)
    assert scene.api("POST", path, own, body=body)[0] == 200


def test_one_that_ends_between_reading_and_writing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The vote's own transaction looks at the delegation."""
    identity = made(scene)
    commit = Approvals.commit

    def overtaken(self: Approvals, step: Step, **more: Any) -> bool:
        monkeypatch.setattr(Approvals, "commit", commit)
        assert ends(scene, identity)[0] == 200
        return commit(self, step, **more)

    monkeypatch.setattr(Approvals, "commit", overtaken)
    status, told = scene.votes(DAN, delegation_id=identity)
    assert (status, told["code"]) == (403, "no_delegation")
    assert scene.request().votes == ()


def test_one_that_lapses_between_reading_and_writing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = made(scene, until=(NOW + 2 * MINUTE).isoformat())
    commit = Approvals.commit

    def slowly(self: Approvals, step: Step, **more: Any) -> bool:
        scene.at(NOW + 2 * MINUTE)
        return commit(self, step, **more)

    monkeypatch.setattr(Approvals, "commit", slowly)
    assert scene.votes(DAN, delegation_id=identity)[1]["code"] == "no_delegation"
    assert scene.request().votes == ()


def test_giver_and_delegate_at_the_same_instant(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both mean well, and both read before either wrote: one right, one vote."""
    identity = made(scene)
    commit = Approvals.commit

    def overtaken(self: Approvals, step: Step, **more: Any) -> bool:
        monkeypatch.setattr(Approvals, "commit", commit)
        assert scene.votes(ADA)[0] == 200
        return commit(self, step, **more)

    monkeypatch.setattr(Approvals, "commit", overtaken)
    assert scene.votes(DAN, delegation_id=identity)[1]["code"] == "already_voted"
    assert [vote.subject for vote in scene.request().votes] == ["ada"]


def test_two_who_end_it_at_the_same_instant(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = made(scene)
    record = AuditTrail.record

    def overtaken(self: AuditTrail, *told: Any, **more: Any) -> str:
        monkeypatch.setattr(AuditTrail, "record", record)
        assert ends(scene, identity, KIM, "She left the group")[0] == 200
        return record(self, *told, **more)

    monkeypatch.setattr(AuditTrail, "record", overtaken)
    status, told = ends(scene, identity)
    assert (status, told["repeated"]) == (200, True)
    assert told["delegation"]["ended_because"] == "She left the group"


def test_nobody_delegates_by_looking(scene: Scene) -> None:
    identity = made(scene)
    assert scene.api("GET", f"/api/delegations/{identity}/end", ADA)[0] == 404
    assert scene.api("HEAD", f"/api/delegations/{identity}/end", ADA)[0] == 404
    assert scene.api("GET", "/api/delegations", OTTO)[1]["delegations"][0]["stands"] is True
