"""The life of a request: opened once, asked again, expired, delivered, lost."""

import re

import msgspec
import pytest
from msgspec.structs import replace

from tests.approvals import HOUR, MINUTE, NOW, TOKEN, after, asked, person, request, ruling
from workflows.admission.contracts import Ruling
from workflows.approval import request as requests
from workflows.approval.errors import DecisionPending
from workflows.approval.opening import prepare
from workflows.errors import BadInput

ADA, SAM = person("ada", "quality"), person("sam", "security")


def test_the_id_is_of_execution_state_and_certificate() -> None:
    known = requests.approval_id("arn:a", "c1")
    assert re.fullmatch("[0-9a-f]{32}", known)
    assert known == requests.approval_id("arn:a", "c1")
    others = {
        requests.approval_id("arn:b", "c1"),
        requests.approval_id("arn:a", "c2"),
        requests.approval_id("arn:a", "c1", "x"),
    }
    assert len(others | {known}) == 4


def test_a_request_shows_the_evidence_and_hides_the_token() -> None:
    made, evidence = prepare(asked(), at=NOW.replace(microsecond=123456))
    shown = msgspec.json.decode(evidence)
    assert set(shown) == {"certificate", "revocation", "device"}
    assert TOKEN not in evidence
    assert TOKEN.encode() not in msgspec.json.encode(made)
    assert made.requested_at.microsecond == 123000
    assert (made.device, made.product, made.site, made.entered_by) == ("pump-0042", "infusion-pump", "Plant B", "erin")
    assert made.decide_by == made.requested_at + 4 * HOUR


def test_different_evidence_has_a_different_hash() -> None:
    hashes = {prepare(asked(site=site), at=NOW)[0].snapshot_sha256 for site in ("Plant B", "Plant C")}
    assert len(hashes) == 2


@pytest.mark.parametrize("rule", [ruling(action="auto"), ruling(requirements=())])
def test_a_ruling_that_asks_nobody_opens_nothing(rule: Ruling) -> None:
    with pytest.raises(BadInput, match="There is nobody to ask"):
        prepare(asked(rule=rule), at=NOW)


def fresh() -> requests.Request:
    return prepare(asked(token="token-2"), at=NOW + HOUR)[0]


def test_the_same_token_again_changes_nothing() -> None:
    assert requests.ask_again(request(), prepare(asked(), at=NOW + HOUR)[0], at=NOW + HOUR) is None


def test_a_new_token_replaces_the_old_and_moves_no_deadline() -> None:
    step = requests.ask_again(request(), fresh(), at=NOW + HOUR)
    assert step is not None
    assert (step.after.generation, step.after.status, step.after.resume_state) == (2, "PENDING", "NONE")
    assert step.after.token_sha256 == requests.token_digest("token-2")
    assert step.after.decide_by == NOW + 4 * HOUR


@pytest.mark.parametrize("state", ["OWED", "DELIVERED", "LOST"])
def test_what_is_decided_is_owed_to_the_new_token(state: requests.ResumeState) -> None:
    decided = replace(after(request(), ADA, SAM), resume_state=state, lost_because="x" if state == "LOST" else None)
    step = requests.ask_again(decided, fresh(), at=NOW + HOUR)
    assert step is not None
    assert (step.after.status, step.after.resume_state, step.after.lost_because) == ("APPROVED", "OWED", None)


def test_what_is_overdue_is_expired_rather_than_waited_for_again() -> None:
    step = requests.ask_again(request(), fresh(), at=NOW + 4 * HOUR)
    assert step is not None
    assert (step.after.status, step.after.resume_state) == ("EXPIRED", "OWED")


def test_a_retry_on_other_facts_asks_on_those_facts() -> None:
    other = replace(fresh(), basis_sha256="f" * 64, site="Plant C", entered_by="ada")
    step = requests.ask_again(after(request(), ADA), other, at=NOW + HOUR)
    assert step is not None
    assert (step.after.basis_sha256, step.after.site, step.after.entered_by) == ("f" * 64, "Plant C", "ada")
    assert step.after.approvals == ()
    assert step.event.old["basis_sha256"] == request().basis_sha256


def test_expiry_waits_for_its_hour_and_never_overrules_a_decision() -> None:
    assert requests.expire(request(), at=NOW + 4 * HOUR - MINUTE) is None
    step = requests.expire(request(), at=NOW + 4 * HOUR)
    assert step is not None
    assert (step.after.status, step.after.resume_state) == ("EXPIRED", "DELIVERED")
    assert requests.expire(after(request(), ADA, SAM), at=NOW + 5 * HOUR) is None


def test_an_open_request_is_no_decision() -> None:
    with pytest.raises(DecisionPending, match="open until 2026-11-23 16:00:00 UTC"):
        requests.decision(request(), at=NOW)


def test_what_the_execution_is_told() -> None:
    approved = after(request(), ADA, SAM)
    told = requests.decision(approved, at=NOW + 2 * HOUR)
    assert (told.status, told.execute_by) == ("approved", NOW + MINUTE + 8 * HOUR)
    assert [vote.subject for vote in told.votes] == ["ada", "sam"]
    assert told.basis_sha256 == request().basis_sha256
    rejected = requests.decision(after(request(), ADA, decision="reject"), at=NOW + HOUR)
    assert (rejected.status, rejected.execute_by) == ("rejected", None)
    assert rejected.reason.endswith("UTC: Matches delivery note 7")
    expired = requests.expire(request(), at=NOW + 4 * HOUR)
    assert expired is not None
    assert requests.decision(expired.after, at=NOW + 4 * HOUR).reason == "Nobody decided by 2026-11-23 16:00:00 UTC."


def test_an_approval_that_comes_too_late_is_told_as_expired() -> None:
    approved = after(request(), ADA, SAM)
    assert approved.execute_by is not None
    assert requests.decision(approved, at=approved.execute_by - MINUTE).status == "approved"
    told = requests.decision(approved, at=approved.execute_by)
    assert told.status == "expired"
    assert "It was to be carried out by 2026-11-23 20:01:00 UTC." in told.reason


def test_every_step_raises_the_version() -> None:
    decided = after(request(), ADA, SAM)
    steps = [
        requests.ask_again(request(), fresh(), at=NOW + HOUR),
        requests.announce(request(), at=NOW),
        requests.expire(request(), at=NOW + 4 * HOUR),
        requests.delivered(decided, source="test", at=NOW),
        requests.lost(decided, because="gone", source="test", at=NOW),
    ]
    assert all(step is not None and step.after.version == step.before.version + 1 for step in steps)
