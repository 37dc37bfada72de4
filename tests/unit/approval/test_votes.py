"""Who may vote, what is refused and in which words, and what a vote changes."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from tests.approvals import HOUR, MINUTE, NOW, after, asks, ballot, person, request, ruling, unsigned
from workflows.approval.request import Request
from workflows.approval.votes import MEANINGS, Accepted, Ballot, Refused, Repeated, Voter, barred, cast, refused

ADA, SAM = person("ada", "quality"), person("sam", "security")


def vote(standing: Request, voter: Voter, sent: Ballot | None = None, **at: Any) -> Accepted | Repeated | Refused:
    return cast(standing, voter, sent or ballot(of=standing), at=at.get("at", NOW + MINUTE), sign=unsigned)


def refusal(standing: Request, voter: Voter, sent: Ballot | None = None, **at: Any) -> Refused:
    result = vote(standing, voter, sent, **at)
    assert isinstance(result, Refused), result
    return result


def test_a_vote_is_a_complete_signature_block() -> None:
    result = vote(request(), replace(ADA, groups=("finance", "quality"), authentication_methods=("pwd", "mfa")))
    assert isinstance(result, Accepted)
    block = result.vote
    assert (block.subject, block.name, block.groups, block.decision) == ("ada", "Ada", ("quality",), "approve")
    assert block.meaning == MEANINGS["approve"]["approval"]
    assert (block.reason, block.voted_at, block.signed_in_at) == ("Matches delivery note 7", NOW + MINUTE, NOW - MINUTE)
    assert (block.basis_sha256, block.certificate_id) == (request().basis_sha256, request().certificate_id)
    assert block.authentication_methods == ("pwd", "mfa")
    assert block.signature == "protected..signature"


def test_half_a_quorum_leaves_the_request_open() -> None:
    standing = after(request(), ADA)
    assert (standing.status, standing.resume_state, standing.decided_at) == ("PENDING", "NONE", None)
    assert standing.version == request().version + 1


def test_the_last_place_approves_and_owes_the_execution_its_answer_in_one_step() -> None:
    standing = after(after(request(), ADA), SAM, at=NOW + HOUR)
    assert (standing.status, standing.resume_state) == ("APPROVED", "OWED")
    assert (standing.decided_at, standing.execute_by) == (NOW + HOUR, NOW + 9 * HOUR)


def test_one_rejection_rejects_whatever_was_approved() -> None:
    standing = after(after(request(), ADA), SAM, decision="reject")
    assert (standing.status, standing.resume_state, standing.execute_by) == ("REJECTED", "OWED", None)


def test_the_trail_holds_old_and_new_values() -> None:
    result = vote(after(request(), ADA), SAM)
    assert isinstance(result, Accepted)
    event = result.step.event
    assert (event.source, event.type, event.actor, event.result) == ("approvals_web", "voted", "sam", "success")
    assert event.old["status"] == "PENDING"
    assert event.new["status"] == "APPROVED"
    assert event.new["reason"] == "Matches delivery note 7"


@pytest.mark.parametrize("voter", [person("x", "finance"), replace(ADA, groups=()), person("x", "Quality")])
def test_somebody_of_no_group_that_is_asked(voter: Voter) -> None:
    told = refusal(request(), voter)
    assert told.code == "not_eligible"
    assert "quality or security" in told.message


@pytest.mark.parametrize(
    "entered_by",
    ["ada", "ADA ", "ada@example.com", "arn:aws:sts::111122223333:assumed-role/Operator/ada@example.com", "ada7"],
)
def test_whoever_entered_the_device_does_not_decide_on_it(entered_by: str) -> None:
    told = refusal(request(entered_by=entered_by), replace(ADA, known_as=("ada7", "Ada@Example.com")))
    assert told.code == "self_entered"


def test_somebody_of_a_similar_name_may_decide() -> None:
    assert isinstance(vote(request(entered_by="arn:aws:iam::111122223333:user/adam"), ADA), Accepted)
    assert isinstance(vote(request(entered_by=None), replace(ADA, known_as=("",))), Accepted)


@pytest.mark.parametrize(
    ("late", "code"), [(4 * HOUR - MINUTE / 60, None), (4 * HOUR, "expired"), (5 * HOUR, "expired")]
)
def test_the_server_clock_decides_what_is_late(late: timedelta, code: str | None) -> None:
    result = vote(request(), ADA, at=NOW + late)
    assert (result.code if isinstance(result, Refused) else None) == code


def test_a_late_vote_is_told_when_it_ended() -> None:
    assert "Nobody decided by 2026-11-23 16:00:00 UTC." in refusal(request(), ADA, at=NOW + 5 * HOUR).message


def test_a_vote_on_what_is_decided_is_told_who_decided_what_and_when() -> None:
    third = person("kim", "quality")
    told = refusal(after(request(), ADA, SAM), third)
    assert told.code == "already_decided"
    assert "Approved by Ada (quality) at 2026-11-23 12:01:00 UTC and Sam (security)" in told.message
    told = refusal(after(request(), ADA, decision="reject"), third)
    assert "Rejected by Ada (quality) at 2026-11-23 12:01:00 UTC: Matches delivery note 7" in told.message


def test_the_same_vote_again_gets_the_first_receipt() -> None:
    standing = after(request(), ADA)
    again = vote(standing, ADA, at=NOW + HOUR)
    assert again == Repeated(vote=standing.votes[0])
    decided = after(standing, SAM)
    assert vote(decided, ADA, at=NOW + 5 * HOUR) == Repeated(vote=standing.votes[0])


@pytest.mark.parametrize("unusual", [{"reason": "Changed my mind"}, {"meaning": "responsibility"}])
def test_another_vote_by_the_same_person(unusual: dict[str, str]) -> None:
    standing = after(request(), ADA)
    told = refusal(standing, ADA, ballot(of=standing, **unusual))
    assert told.code == "already_voted"
    assert "You approved this at 2026-11-23 12:01:00 UTC" in told.message


def test_somebody_who_rejected_is_told_so() -> None:
    told = barred(replace(after(request(), ADA, decision="reject"), status="PENDING"), ADA, at=NOW + HOUR)
    assert told is not None
    assert "You rejected this" in told.message


def test_a_vote_on_evidence_that_is_no_longer_shown() -> None:
    assert refusal(request(), ADA, ballot(basis_sha256="0" * 64)).code == "evidence_changed"


def test_votes_on_earlier_evidence_do_not_count_and_may_be_cast_again() -> None:
    changed = replace(after(request(), ADA), basis_sha256="f" * 64)
    assert after(changed, SAM).status == "PENDING"
    assert after(changed, SAM, ADA).status == "APPROVED"


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_reason_where_the_rule_wants_one(reason: str) -> None:
    standing = request(ruling(reason_required=True))
    assert refusal(standing, ADA, ballot(of=standing, reason=reason)).code == "reason_required"
    assert isinstance(vote(request(), ADA, ballot(reason=reason)), Accepted)


def test_a_reason_that_is_a_book() -> None:
    assert refusal(request(), ADA, ballot(reason="x" * 2001)).code == "reason_too_long"


@pytest.mark.parametrize(
    ("signed_in", "fresh"),
    [
        (-5 * MINUTE, True),
        (-5 * MINUTE - MINUTE / 60, False),
        (MINUTE, True),
        (MINUTE + MINUTE / 60, False),
        (None, False),
    ],
)
def test_a_fresh_sign_in_where_the_rule_wants_one(signed_in: timedelta | None, fresh: bool) -> None:
    voter = replace(ADA, signed_in_at=None if signed_in is None else NOW + signed_in)
    standing = request(ruling(fresh_sign_in=True))
    result = vote(standing, voter, at=NOW)
    assert isinstance(result, Accepted) == fresh
    if isinstance(result, Refused):
        assert result.code == "stale_sign_in"


@pytest.mark.parametrize(
    ("decision", "meaning"), [("approve", "rejection"), ("reject", "approval"), ("approve", "yes")]
)
def test_a_meaning_that_is_none_of_the_decision(decision: str, meaning: str) -> None:
    assert refusal(request(), ADA, ballot(decision, meaning=meaning)).code == "unknown_meaning"


def test_escalation_lets_others_vote_from_its_hour_on() -> None:
    standing = request(ruling(escalate_after=3600, escalate_to="managers"))
    manager = person("max", "managers")
    assert refusal(standing, manager, at=NOW + HOUR - MINUTE).code == "not_eligible"
    assert isinstance(vote(standing, manager, at=NOW + HOUR), Accepted)
    assert after(standing, manager, SAM, at=NOW + HOUR).status == "APPROVED"


def test_what_bars_a_person_can_be_said_before_they_vote() -> None:
    assert barred(request(), ADA, at=NOW) is None
    voted = barred(after(request(), ADA), ADA, at=NOW + HOUR)
    assert voted is not None
    assert voted.code == "already_voted"


def test_a_refused_vote_leaves_a_trace() -> None:
    event = refused(ADA, ballot(), refusal(request(requested_at=NOW), person("x", "finance")), at=NOW)
    assert (event.type, event.actor, event.result, event.at) == ("vote_refused", "ada", "refused", NOW)
    assert event.summary.startswith("not_eligible:")
    assert event.source == "approvals_web"
    assert event.new == {"vote": "approve", "basis_sha256": request().basis_sha256}


def test_a_refused_vote_s_trace_does_not_grow_with_what_was_sent() -> None:
    event = refused(
        ADA, ballot(basis_sha256="f" * 1000), refusal(request(), ADA, ballot(basis_sha256="f" * 1000)), at=NOW
    )
    assert event.new["basis_sha256"] == "f" * 64


def test_two_of_one_group_are_two_people() -> None:
    standing = request(ruling(requirements=asks(quality=2)))
    assert after(standing, ADA).status == "PENDING"
    assert after(standing, ADA, person("kim", "quality")).status == "APPROVED"
