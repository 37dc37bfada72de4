"""What has to be told of a request and when: as a function of the request, so that nothing is lost and nothing told twice."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.approvals import HOUR, MINUTE, NOW, after, asks, delegation, person, request, ruling, standing_in
from workflows.approval import notices, wording
from workflows.approval.notices import GRACE, due, groups, left_out, told
from workflows.approval.request import Request, ask_again, delivered, expire, lost

ADA, SAM, MIA = person("ada", "quality"), person("sam", "security"), person("mia", "managers")
RULE = ruling(remind_after=3600, escalate_after=7200, escalate_to="managers")
END = NOW + 4 * HOUR


def sent(standing: Request, kind: notices.Kind, *, at: timedelta) -> Request:
    step = told(standing, kind, at=NOW + at)
    assert step is not None
    assert step.event.type == "told"
    return step.after


def test_the_life_of_a_request_that_nobody_decides() -> None:
    standing = request(RULE)
    assert due(standing) == ("reminder", NOW + HOUR)
    standing = sent(standing, "reminder", at=HOUR)
    assert due(standing) == ("escalation", NOW + 2 * HOUR)
    standing = sent(standing, "escalation", at=2 * HOUR)
    assert due(standing) == ("lapse", END + GRACE)
    step = expire(standing, at=END)
    assert step is not None
    assert due(step.after) == ("expired", END)
    standing = sent(step.after, "expired", at=4 * HOUR)
    assert due(standing) is None


def test_without_reminders_nobody_is_reminded() -> None:
    assert due(request()) == ("lapse", END + GRACE)


def test_nothing_is_noted_that_is_not_due() -> None:
    standing = request(RULE)
    assert told(standing, "reminder", at=NOW + HOUR - MINUTE) is None
    assert told(standing, "escalation", at=NOW + 2 * HOUR) is None  # the reminder comes first
    assert told(sent(standing, "reminder", at=HOUR), "reminder", at=NOW + HOUR) is None
    assert told(after(standing, ADA, SAM), "reminder", at=NOW + HOUR) is None


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_a_decision_is_told_at_once_and_once(decision: str) -> None:
    decided = after(request(RULE), ADA, decision="reject") if decision == "reject" else after(request(RULE), ADA, SAM)
    kind: notices.Kind = "rejected" if decision == "reject" else "approved"
    assert due(decided) == (kind, NOW + MINUTE)
    standing = sent(decided, kind, at=2 * MINUTE)
    assert due(standing) is None
    assert due(delivered(standing, source="test", at=NOW + HOUR).after) is None


def test_what_is_not_carried_out_is_told_even_after_the_decision_was() -> None:
    decided = sent(after(request(), ADA, SAM), "approved", at=2 * MINUTE)
    late = lost(decided, because="too late", source="read_decision", at=NOW + HOUR).after
    assert due(late) == ("not_carried_out", NOW + MINUTE)
    standing = sent(late, "not_carried_out", at=HOUR)
    assert due(standing) is None
    assert due(delivered(standing, source="test", at=NOW + HOUR).after) is None


def test_what_is_lost_a_second_time_is_told_a_second_time() -> None:
    """The first message may have come late, when the execution had been redriven, and then it said that the decision stands."""
    first = lost(after(request(), ADA, SAM), because="gone", source="resume_execution", at=NOW + HOUR).after
    standing = sent(first, "not_carried_out", at=HOUR)
    redriven = ask_again(standing, replace(standing, token_sha256="f" * 64), at=NOW + HOUR)
    assert redriven is not None
    assert due(redriven.after) is None
    second = lost(redriven.after, because="gone", source="resume_execution", at=NOW + 2 * HOUR).after
    assert due(second) == ("not_carried_out", NOW + MINUTE)


def test_a_result_is_for_those_who_were_asked_until_it_came() -> None:
    """However late it is told: whoever was to be asked only later learns nothing."""
    decided = after(request(RULE), ADA, SAM)
    assert groups(decided, "approved", at=NOW + 3 * HOUR) == ("quality", "security")


def test_a_reminder_is_for_those_who_can_still_fill_a_place() -> None:
    standing = request(ruling(requirements=asks(quality=1, security=2)))
    assert groups(standing, "reminder", at=NOW) == ("quality", "security")
    voted = after(standing, ADA, SAM)
    assert groups(voted, "reminder", at=NOW + MINUTE) == ("security",)
    assert left_out(voted, "reminder") == {"ada", "sam"}


def test_whoever_was_voted_for_is_left_out_as_well() -> None:
    dan = standing_in(person("dan", "clerks"), delegation(ADA, person("dan")))
    voted = after(request(), dan, delegation_id=dan.delegations[0].delegation_id)
    assert left_out(voted, "reminder") == {"dan", "ada"}


def test_a_vote_on_evidence_that_changed_leaves_nobody_out() -> None:
    voted = replace(after(request(), ADA), basis_sha256="0" * 64)
    assert left_out(voted, "reminder") == frozenset()


def test_an_escalation_is_for_those_who_may_stand_in_from_now_on() -> None:
    standing = request(RULE)
    assert groups(standing, "escalation", at=NOW + 2 * HOUR) == ("managers",)
    assert groups(standing, "reminder", at=NOW + HOUR) == ("quality", "security")
    assert groups(standing, "reminder", at=NOW + 3 * HOUR) == ("managers", "quality", "security")


def test_a_result_is_for_everybody_who_was_asked_but_the_one_who_decided() -> None:
    decided = after(request(), ADA, SAM)
    assert groups(decided, "approved", at=NOW + HOUR) == ("quality", "security")
    assert left_out(decided, "approved") == {"sam"}
    assert left_out(decided, "not_carried_out") == frozenset()


def test_a_result_says_who_decided_and_what_follows() -> None:
    decided = after(request(), ADA, SAM)
    text = wording.result(decided, "https://approvals.example/approvals/1", at=NOW + HOUR)
    lines = text.splitlines()
    assert lines[0].endswith("for pump-0042, Plant B. Approved.")
    assert "Approved by Ada (quality), 2026-11-23 12:01:00 UTC." in lines
    assert "Reason: Matches delivery note 7" in lines
    assert any("carried out by" in line for line in lines)
    assert text.count("https://") == 1


@given(st.text(max_size=200), st.text(max_size=200))
def test_nobody_writes_into_a_mail_what_they_like(name: str, reason: str) -> None:
    voter = person("ada", "quality", name=name or "x")
    rejected = after(request(), voter, decision="reject", reason=reason)
    usual = wording.result(after(request(), ADA, decision="reject", reason="no"), "https://x.example/1", at=NOW)
    text = wording.result(rejected, "https://x.example/1", at=NOW)
    blank = 0 if reason.strip() else 1
    assert len(text.splitlines()) == len(usual.splitlines()) - blank
    assert text.count("://") == 1


def test_every_kind_has_a_subject() -> None:
    from typing import get_args

    assert set(wording.HEADS) == set(get_args(notices.Kind)) - {"lapse"}
