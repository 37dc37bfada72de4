"""A decision once recorded reaches its execution, or everybody sees that it did not."""

import json
from typing import Any

import pytest

from functions.shared.approvals import Approvals
from functions.shared.messages import Messages
from tests import aws_environment
from tests.approvals import NOW, asked, asks, execution, person, ruling
from tests.functions.approval.conftest import Scene
from workflows.approval.request import Step
from workflows.errors import AwsUnavailable

ADA, SAM = person("ada", "quality"), person("sam", "security")
ARN = execution().arn


class Crash(Exception):  # noqa: N818
    """The Lambda is gone."""


@pytest.fixture(autouse=True)
def decided(scene: Scene) -> None:
    scene.asks()
    scene.votes(ADA)
    scene.votes(SAM)


def test_the_stream_resumes_the_execution_with_the_id_and_nothing_else(scene: Scene) -> None:
    assert scene.streams() == {"batchItemFailures": []}
    assert [json.loads(output) for output in scene.step_functions.outputs] == [{"approval_id": scene.id}]
    assert scene.request().resume_state == "DELIVERED"
    assert scene.events(scene.id)[-1].type == "resumed"


def test_the_stream_delivers_twice_and_late(scene: Scene) -> None:
    scene.streams(scene.id, scene.id)
    version = scene.request().version
    assert scene.streams() == {"batchItemFailures": []}
    assert scene.sweeps() == {"swept": 0}
    assert len(scene.step_functions.outputs) == 1
    assert scene.request().version == version


def test_the_sweeper_finds_what_the_stream_lost(scene: Scene) -> None:
    assert scene.sweeps() == {"swept": 1}
    assert scene.request().resume_state == "DELIVERED"


def test_an_open_request_is_nobodys_business(scene: Scene) -> None:
    other = scene.asks(asked("pump-0043", token="token-2", run="run-2"))
    scene.streams(other)
    assert scene.step_functions.outputs == []


def test_a_crash_between_send_task_success_and_the_note_of_it(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def crashes(*_: Any, **__: Any) -> bool:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(Approvals, "commit", crashes)
        assert scene.streams() == {"batchItemFailures": [{"itemIdentifier": "100"}]}
    assert scene.request().resume_state == "OWED"
    assert scene.sweeps() == {"swept": 1}
    assert scene.request().resume_state == "DELIVERED"
    assert len(scene.step_functions.outputs) == 1


def test_a_crash_before_send_task_success(scene: Scene) -> None:
    scene.step_functions.failing = True
    assert scene.streams() == {"batchItemFailures": [{"itemIdentifier": "100"}]}
    assert scene.request().resume_state == "OWED"
    scene.step_functions.failing = False
    assert scene.streams() == {"batchItemFailures": []}
    assert scene.request().resume_state == "DELIVERED"


def test_one_that_fails_does_not_keep_the_others_waiting(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = ruling(requirements=asks(quality=1))
    other = scene.asks(asked("pump-0043", rule=rule, token="token-2", run="run-2"))
    body = {
        "decision": "reject",
        "reason": "no",
        "meaning": "rejection",
        "basis_sha256": scene.request(other).basis_sha256,
    }
    assert scene.api("POST", f"/api/approvals/{other}/vote", ADA, body=body)[0] == 200
    callback = Approvals.callback

    def half(self: Approvals, approval_id: str) -> tuple[bytes, int]:
        if approval_id == scene.id:
            raise AwsUnavailable("away")
        return callback(self, approval_id)

    monkeypatch.setattr(Approvals, "callback", half)
    assert scene.streams(scene.id, other) == {"batchItemFailures": [{"itemIdentifier": "100"}]}
    assert scene.request(other).resume_state == "DELIVERED"
    with pytest.raises(AwsUnavailable, match="1 of 1"):
        scene.sweeps()


def test_an_execution_that_timed_out_and_reads_for_itself(scene: Scene, inbox: aws_environment.Inbox) -> None:
    scene.step_functions.waiting.clear()
    scene.step_functions.history[ARN].append(("TaskStateEntered", "Read decision"))
    scene.streams()
    assert scene.request().resume_state == "DELIVERED"
    assert inbox.read() == ([], [])


def test_an_execution_that_waits_on_a_token_we_do_not_have_yet(scene: Scene) -> None:
    """The state is being retried: the old token is spent, the new one is on its way."""
    scene.step_functions.waits("token-2", ARN)
    assert scene.streams() == {"batchItemFailures": []}
    assert scene.request().resume_state == "OWED"
    scene.asks(asked(token="token-2"))
    scene.streams()
    assert scene.request().resume_state == "DELIVERED"


@pytest.mark.parametrize("end", ["ABORTED", "FAILED", "TIMED_OUT"])
def test_an_execution_that_is_gone_is_reported(scene: Scene, inbox: aws_environment.Inbox, end: str) -> None:
    scene.step_functions.ends(ARN, end)
    scene.streams()
    request = scene.request()
    assert (request.status, request.resume_state) == ("APPROVED", "LOST")
    (mail,), (event,) = inbox.read()
    assert mail["Subject"].startswith("Approved, not carried out: pump-0042")
    assert "Approved by Ada" in mail["Message"]
    assert event["detail-type"] == "Approval not carried out"
    _, shown = scene.api("GET", "/api/approvals", ADA, tab="not_carried_out")
    assert [line["approval_id"] for line in shown["approvals"]] == [scene.id]
    assert shown["approvals"][0]["sentence"].endswith("Approved and not carried out.")


def test_an_execution_that_aws_has_forgotten(scene: Scene) -> None:
    scene.step_functions.ends(ARN)
    del scene.step_functions.status[ARN]
    scene.streams()
    assert scene.request().resume_state == "LOST"


def test_a_redrive_brings_back_what_was_lost(scene: Scene) -> None:
    scene.step_functions.ends(ARN)
    scene.streams()
    scene.asks(asked(token="token-2"))
    scene.streams()
    assert scene.request().resume_state == "DELIVERED"
    _, shown = scene.api("GET", "/api/approvals", ADA, tab="not_carried_out")
    assert shown["approvals"] == []


def test_a_redrive_while_the_loss_is_being_reported(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The report was true when it was sent; the new token is owed all the same."""
    mail = Messages.mail

    def meanwhile(self: Messages, *told: str) -> str:
        scene.asks(asked(token="token-2"))
        return mail(self, *told)

    scene.step_functions.ends(ARN)
    monkeypatch.setattr(Messages, "mail", meanwhile)
    scene.streams()
    assert (scene.request().resume_state, scene.request().generation) == ("OWED", 2)


def test_a_report_that_could_not_be_sent_is_sent_by_the_next_sweep(
    scene: Scene, inbox: aws_environment.Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> str:
        raise AwsUnavailable("SNS is away")

    scene.step_functions.ends(ARN)
    with monkeypatch.context() as patch:
        patch.setattr(Messages, "mail", fails)
        scene.streams()
    assert scene.request().resume_state == "OWED"
    scene.sweeps()
    assert scene.request().resume_state == "LOST"
    assert len(inbox.read()[0]) == 1


def test_the_two_resumers_at_the_same_instant(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweeper delivers and notes it between the stream's delivery and its note."""
    commit = Approvals.commit

    def overtaken(self: Approvals, step: Step, **more: Any) -> bool:
        monkeypatch.setattr(Approvals, "commit", commit)
        scene.sweeps()
        return commit(self, step, **more)

    monkeypatch.setattr(Approvals, "commit", overtaken)
    assert scene.streams() == {"batchItemFailures": []}
    assert scene.request().resume_state == "DELIVERED"
    assert [event.type for event in scene.events(scene.id)].count("resumed") == 1
    assert scene.request().decided_at == NOW
