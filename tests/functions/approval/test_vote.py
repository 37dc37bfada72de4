"""A vote through the API: stored in one transaction with its line on the trail, or refused and told why."""

import itertools
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from functions.shared import conditional, request_history
from functions.shared.approvals import Approvals
from functions.shared.signing import Signer
from tests.approvals import HOUR, MINUTE, NOW, asked, claims, person, ruling
from tests.functions.approval.conftest import Scene
from workflows.approval.request import Step
from workflows.approval.request_history import AuditEvent
from workflows.evidence import votes as signed_votes
from workflows.evidence.errors import EvidenceInvalid

ADA, KIM, SAM, ERIN = (
    person("ada", "quality"),
    person("kim", "quality"),
    person("sam", "security"),
    person("erin", "quality", "security"),
)


@pytest.fixture(autouse=True)
def opened(scene: Scene) -> None:
    scene.asks()
    scene.at(NOW + MINUTE)


def test_two_people_of_two_groups_approve(scene: Scene) -> None:
    status, first = scene.votes(ADA)
    assert (status, first["repeated"], first["approval"]["status"]) == (200, False, "pending")
    assert first["approval"]["votes_received"] == 1
    assert first["receipt"]["name"] == "Ada"
    status, second = scene.votes(SAM)
    assert (status, second["approval"]["status"], second["approval"]["delivery"]) == (200, "approved", "owed")
    request = scene.request()
    assert (request.status, request.resume_state, request.execute_by) == ("APPROVED", "OWED", NOW + MINUTE + 8 * HOUR)
    assert [event.type for event in scene.events(scene.id)] == ["opened", "announced", "voted", "voted"]


def test_every_vote_carries_a_signature_that_holds_for_this_request_only(scene: Scene) -> None:
    scene.votes(ADA)
    scene.votes(SAM)
    decision = scene.reads()
    vote = decision.votes[0]
    keys = Signer(scene.environment["VOTE_SIGNING_KEY_ARN"], "https://approvals.example").keys()
    known: dict[str, Any] = {"certificate_id": vote.certificate_id, "basis_sha256": vote.basis_sha256, "keys": keys}
    signed_votes.check(vote, decision, **known)
    with pytest.raises(EvidenceInvalid):
        signed_votes.check(vote, replace(decision, approval_id="another"), **known)
    with pytest.raises(EvidenceInvalid):
        signed_votes.check(replace(vote, reason="other"), decision, **known)


def test_a_rejection_is_owed_as_well(scene: Scene) -> None:
    assert scene.votes(ADA, "reject")[1]["approval"]["status"] == "rejected"
    assert scene.request().resume_state == "OWED"


def test_a_double_click_gets_the_first_receipt(scene: Scene) -> None:
    _, first = scene.votes(ADA)
    scene.at(NOW + 2 * MINUTE)
    status, again = scene.votes(ADA)
    assert (status, again["repeated"]) == (200, True)
    assert again["receipt"] == first["receipt"]
    assert len(scene.request().votes) == 1


@pytest.mark.parametrize(
    ("who", "unusual", "status", "code"),
    [
        (ERIN, {}, 403, "self_entered"),
        (person("olga", "operators"), {}, 403, "not_eligible"),
        (person("otto", "auditors"), {}, 403, "not_eligible"),
        (person("mal", "finance"), {}, 403, "not_allowed"),
        (replace(ADA, groups=()), {}, 403, "not_allowed"),
        (ADA, {"basis_sha256": "0" * 64}, 409, "evidence_changed"),
        (ADA, {"meaning": "yes"}, 400, "unknown_meaning"),
        (ADA, {"reason": "x" * 2001}, 400, "reason_too_long"),
        (ADA, {"decision": "maybe"}, 400, "bad_request"),
        (ADA, {"decided_by": "sam"}, 400, "bad_request"),
        (ADA, {"reason": None}, 400, "bad_request"),
    ],
)
def test_a_vote_that_does_not_count(scene: Scene, who: Any, unusual: Any, status: int, code: str) -> None:
    before = scene.request()
    answered, told = scene.votes(who, **unusual)
    assert (answered, told["code"]) == (status, code)
    assert set(told) == {"code", "message"}
    assert scene.request() == before
    traces = [event for event in scene.events(scene.id) if event.type == "vote_refused"]
    assert len(traces) == (0 if code in {"bad_request", "not_allowed"} else 1)
    assert all((trace.actor, trace.result) == (who.subject, "refused") for trace in traces)


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '"approve"', "decision=approve"])
def test_a_body_that_is_no_vote(scene: Scene, body: str) -> None:
    status, told = scene.api("POST", f"/api/approvals/{scene.id}/vote", ADA, body=body)
    assert (status, told["code"]) == (400, "bad_request")


def test_a_vote_after_expiry_by_the_servers_clock(scene: Scene) -> None:
    scene.at(NOW + 4 * HOUR)
    status, told = scene.api(
        "POST",
        f"/api/approvals/{scene.id}/vote",
        claims(ADA, at=NOW + 4 * HOUR),
        body={"decision": "approve", "reason": "", "meaning": "approval", "basis_sha256": asked().device.basis_sha256},
    )
    assert (status, told["code"]) == (410, "expired")
    assert scene.request().status == "PENDING"


@pytest.mark.parametrize("late", [0 * MINUTE, MINUTE])
def test_a_vote_that_became_late_between_reading_and_writing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, late: timedelta
) -> None:
    """The table compares `decide_by` with the time of the write, whatever was worked out before."""
    commit = Approvals.commit

    def slowly(self: Approvals, step: Step, **more: Any) -> bool:
        scene.at(NOW + 4 * HOUR + late)
        return commit(self, step, **more)

    monkeypatch.setattr(Approvals, "commit", slowly)
    status, told = scene.votes(ADA)
    assert (status, told["code"]) == (410, "expired")
    assert scene.request().votes == ()


def test_a_vote_on_what_is_decided_is_told_by_whom(scene: Scene) -> None:
    scene.votes(ADA)
    scene.votes(SAM)
    status, told = scene.votes(KIM)
    assert (status, told["code"]) == (409, "already_decided")
    assert "Ada" in told["message"]
    assert "2026-11-23 12:01:00 UTC" in told["message"]


def test_somebody_who_changes_their_mind(scene: Scene) -> None:
    scene.votes(ADA)
    status, told = scene.votes(ADA, "reject")
    assert (status, told["code"]) == (409, "already_voted")
    assert scene.request().status == "PENDING"


@pytest.mark.parametrize("identity", ["0" * 32, "x", "../request", "A" * 32, "0" * 33])
def test_a_guessed_id(scene: Scene, identity: str) -> None:
    assert scene.api("POST", f"/api/approvals/{identity}/vote", ADA, body={})[0] == 404
    assert scene.api("GET", f"/api/approvals/{identity}", ADA)[0] == 404


def test_two_approvers_at_the_same_instant(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sam votes between Ada's reading and writing: Ada's vote is worked out anew, and both count."""
    commit, first = Approvals.commit, itertools.count()

    def overtaken(self: Approvals, step: Step, **more: Any) -> bool:
        if next(first) == 0:
            assert scene.votes(SAM)[0] == 200
        return commit(self, step, **more)

    monkeypatch.setattr(Approvals, "commit", overtaken)
    status, told = scene.votes(ADA)
    assert (status, told["approval"]["status"]) == (200, "approved")
    assert [vote.subject for vote in scene.request().votes] == ["sam", "ada"]


def test_approval_and_expiry_at_the_same_instant(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.votes(ADA)
    commit = Approvals.commit
    late = scene.reads  # the execution's time-out branch

    def raced(self: Approvals, step: Step, **more: Any) -> bool:
        monkeypatch.setattr(Approvals, "commit", commit)
        scene.at(NOW + 4 * HOUR)
        assert late().status == "expired"
        scene.at(NOW + 4 * HOUR - MINUTE)
        return commit(self, step, **more)

    monkeypatch.setattr(Approvals, "commit", raced)
    assert scene.votes(SAM)[0] == 410
    assert scene.request().status == "EXPIRED"


def test_without_its_line_on_the_trail_no_vote_counts(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """CR 2.10: the event's key is taken already, so the whole transaction fails, and so does the vote."""
    monkeypatch.setattr("functions.shared.request_history.secrets.token_hex", lambda _: "taken")
    monkeypatch.setattr("functions.shared.approvals.time.sleep", lambda _: None)
    before = scene.request()
    voted = AuditEvent(at=NOW + MINUTE, source="test", type="voted", summary="takes the key")
    taken = request_history.put(scene.approvals.table, scene.id, voted, before.version + 1)
    assert conditional.transact([taken])
    status, told = scene.votes(SAM)
    assert (status, told["code"]) == (503, "try_again")
    assert scene.request() == before


def test_a_fresh_sign_in_where_the_rule_wants_one(scene: Scene) -> None:
    given = asked("pump-0043", rule=ruling(fresh_sign_in=True), run="run-2")
    path = f"/api/approvals/{scene.asks(given)}/vote"
    body = {"decision": "approve", "reason": "", "meaning": "approval", "basis_sha256": given.device.basis_sha256}
    status, told = scene.api("POST", path, replace(ADA, signed_in_at=NOW - 5 * MINUTE), body=body)
    assert (status, told["code"]) == (401, "stale_sign_in")
    assert scene.api("POST", path, replace(ADA, signed_in_at=NOW - 4 * MINUTE), body=body)[0] == 200
