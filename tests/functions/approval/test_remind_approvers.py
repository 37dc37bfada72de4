"""Reminders, escalations and results: put on the bus at least once and noted, and told from there."""

from typing import Any

import pytest
from msgspec.structs import replace

from functions.shared.approvals import Approvals
from functions.shared.event_bus import EventBus
from tests import aws_environment
from tests.approvals import HOUR, MINUTE, NOW, asked, person
from tests.functions.approval.conftest import Scene
from tests.functions.approval.reminding import RULE, runs, told
from workflows.approval.request import Step
from workflows.errors import AwsUnavailable
from workflows.events import Event

ADA, SAM = person("ada", "quality"), person("sam", "security")


@pytest.fixture
def opened(scene: Scene, inbox: aws_environment.Inbox) -> str:
    identity = scene.asks(asked(rule=RULE))
    assert told(inbox) == ["approval_requested"]
    return identity


def test_the_life_of_a_request_that_nobody_decides(scene: Scene, opened: str, inbox: aws_environment.Inbox) -> None:
    for after, kinds in (
        (HOUR - MINUTE, []),
        (HOUR, ["approval_reminder"]),
        (HOUR + MINUTE, []),
        (2 * HOUR, ["approval_escalated"]),
        (4 * HOUR + 9 * MINUTE, []),
        (4 * HOUR + 10 * MINUTE, ["approval_expired"]),
        (9 * HOUR, []),
    ):
        scene.at(NOW + after)
        for _ in range(2):  # a schedule may run twice
            runs()
        assert told(inbox) == kinds
    assert scene.request().status == "EXPIRED"
    trail = [(event.type, event.source) for event in scene.events(opened)]
    assert trail[2:] == [
        ("told", "remind_approvers"),
        ("told", "remind_approvers"),
        ("expired", "remind_approvers"),
        ("told", "remind_approvers"),
    ]


def test_an_expiry_that_the_execution_reads_itself_is_told_too(
    scene: Scene, opened: str, inbox: aws_environment.Inbox
) -> None:
    scene.at(NOW + 2 * HOUR)
    runs()
    inbox.read()
    scene.at(NOW + 4 * HOUR)
    assert scene.reads().status == "expired"
    runs()
    assert told(inbox) == ["approval_expired"]
    assert scene.request().resume_state == "DELIVERED"


def test_an_expiry_by_the_schedule_wakes_the_execution_that_still_waits(scene: Scene, opened: str) -> None:
    """The state was entered again late, so that its own time-out is long after decide_by."""
    scene.at(NOW + 5 * HOUR)
    runs()
    assert scene.request().resume_state == "OWED"
    scene.sweeps()
    assert len(scene.step_functions.outputs) == 1
    assert scene.request().resume_state == "DELIVERED"


def test_an_expiry_of_an_execution_that_is_gone_is_no_decision_that_was_lost(
    scene: Scene, opened: str, inbox: aws_environment.Inbox
) -> None:
    scene.step_functions.ends(asked().execution.arn)
    scene.at(NOW + 5 * HOUR)
    runs()
    scene.sweeps()
    assert scene.request().resume_state == "DELIVERED"
    assert "approval_not_carried_out" not in told(inbox)


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_a_decision_is_told_with_who_and_what_follows(
    scene: Scene, opened: str, inbox: aws_environment.Inbox, decision: str
) -> None:
    scene.at(NOW + MINUTE)
    if decision == "approve":
        scene.votes(SAM)
    scene.votes(ADA, decision)
    runs()
    (mail,), (event,) = inbox.read()
    assert mail["Subject"].startswith("Approved: " if decision == "approve" else "Rejected: ")
    assert "by Ada (quality)" in mail["Message"]
    assert (event["detail-type"], event["detail"]["told"]) == ("Approval decided", event["detail"]["status"])
    assert event["detail"]["link"] == f"https://approvals.example/approvals/{opened}"
    runs()
    assert told(inbox) == []


def test_what_came_too_late_to_its_execution_is_told(scene: Scene, opened: str, inbox: aws_environment.Inbox) -> None:
    scene.votes(ADA)
    scene.votes(SAM)
    runs()
    scene.at(NOW + 9 * HOUR)
    assert scene.reads().status == "expired"
    inbox.read()
    runs()
    (mail,), (event,) = inbox.read()
    assert "execute_by" in mail["Message"].replace("?", "_")
    assert event["detail-type"] == "Approval not carried out"
    runs()
    assert told(inbox) == []


def test_a_decision_whose_execution_is_gone_is_told_once(
    scene: Scene, opened: str, inbox: aws_environment.Inbox
) -> None:
    scene.votes(ADA)
    scene.votes(SAM)
    scene.step_functions.ends(asked().execution.arn)
    scene.streams()
    runs()
    runs()
    (mail,), (event,) = inbox.read()
    assert mail["Subject"].startswith("Decided, not carried out: pump-0042")
    assert "ended before it could take the decision" in mail["Message"]
    assert (event["detail-type"], event["detail"]["status"]) == ("Approval not carried out", "approved")
    assert "ended before it could take the decision" in event["detail"]["because"]


def test_a_crash_between_putting_and_noting_puts_twice_and_not_never(
    scene: Scene, opened: str, inbox: aws_environment.Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crashes(*_: Any, **__: Any) -> bool:
        raise KeyboardInterrupt

    scene.at(NOW + HOUR)
    with monkeypatch.context() as patch:
        patch.setattr(Approvals, "commit", crashes)
        with pytest.raises(KeyboardInterrupt):
            runs()
    runs()
    assert told(inbox) == ["approval_reminder", "approval_reminder"]
    runs()
    assert told(inbox) == []


def test_a_bus_that_is_away_loses_nothing(
    scene: Scene, opened: str, inbox: aws_environment.Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> str:
        raise AwsUnavailable("EventBridge is away")

    scene.at(NOW + HOUR)
    with monkeypatch.context() as patch:
        patch.setattr(EventBus, "put", away)
        runs()
    assert scene.request().reminded_at is None
    runs()
    assert told(inbox) == ["approval_reminder"]


def test_one_that_fails_does_not_keep_the_others_waiting(
    scene: Scene, opened: str, inbox: aws_environment.Inbox, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    other = scene.asks(asked("pump-0043", rule=RULE, token="token-2", run="run-2"))
    inbox.read()
    commit = Approvals.commit

    def half(self: Approvals, step: Step, **more: Any) -> bool:
        if step.before.approval_id == opened:
            raise AwsUnavailable("away")
        return commit(self, step, **more)

    monkeypatch.setattr(Approvals, "commit", half)
    scene.at(NOW + HOUR)
    capsys.readouterr()
    assert runs() == {"looked_at": 2}
    assert scene.request(other).reminded_at == NOW + HOUR
    assert "ApproversNotTold" in capsys.readouterr().out


def test_a_vote_between_the_look_and_the_event_takes_the_reminder_back(
    scene: Scene, opened: str, inbox: aws_environment.Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event is out, and nobody is reminded of what is decided."""
    put = EventBus.put

    def meanwhile(self: EventBus, event: Event, *resources: str) -> str:
        monkeypatch.setattr(EventBus, "put", put)
        scene.votes(SAM)
        scene.votes(ADA)
        return put(self, event, *resources)

    scene.at(NOW + HOUR)
    monkeypatch.setattr(EventBus, "put", meanwhile)
    runs()
    request = scene.request()
    assert (request.status, request.reminded_at, request.told) == ("APPROVED", None, "approved")
    (mail,), events = inbox.read()
    assert [event["detail-type"] for event in events] == ["Approval reminder", "Approval decided"]
    assert mail["Subject"].startswith("Approved: ")


def test_with_little_time_left_the_rest_waits(scene: Scene, opened: str) -> None:
    scene.at(NOW + HOUR)
    assert runs(milliseconds=10_000) == {"looked_at": 0}
    assert runs() == {"looked_at": 1}


def test_new_evidence_is_announced_again(scene: Scene, opened: str, inbox: aws_environment.Inbox) -> None:
    scene.votes(ADA)
    given = asked(rule=RULE, token="token-2")
    scene.asks(replace(given, device=replace(given.device, basis_sha256="f" * 64)))
    assert told(inbox) == ["approval_requested"]
    scene.asks(replace(asked(rule=RULE, token="token-3"), device=replace(given.device, basis_sha256="f" * 64)))
    assert told(inbox) == []
