"""Opening a request, once, however often the state is entered."""

from typing import Any

import pytest

from functions.shared import task_tokens
from functions.shared.event_bus import EventBus
from tests import aws_environment
from tests.approvals import HOUR, MINUTE, NOW, TOKEN, asked, asks, person, ruling
from tests.functions.approval.conftest import Scene
from workflows.admission.errors import AdmissionNotOwned
from workflows.errors import AccessRefused, AwsUnavailable

ADA, SAM = person("ada", "quality"), person("sam", "security")


def token(scene: Scene) -> str:
    ciphertext, _ = scene.approvals.callback(scene.id)
    return task_tokens.decrypt(ciphertext, scene.id, scene.environment["DATA_KEY_ARN"])


def test_a_request_is_opened_with_its_evidence(scene: Scene) -> None:
    scene.asks()
    request = scene.request()
    assert (request.status, request.generation, request.decide_by) == ("PENDING", 1, NOW + 4 * HOUR)
    assert request.basis_sha256 == asked().device.basis_sha256
    shown = scene.approvals.snapshot(request)
    assert shown["certificate"]["common_name"] == "pump-0042"
    assert shown["revocation"]["status"] == "good"
    assert shown["device"]["record"]["site"] == "Plant B"


def test_the_token_is_kept_encrypted_and_bound_to_its_request(scene: Scene) -> None:
    scene.asks()
    assert token(scene) == TOKEN
    assert TOKEN not in scene.everything_kept()
    ciphertext, _ = scene.approvals.callback(scene.id)
    with pytest.raises(AccessRefused):
        task_tokens.decrypt(ciphertext, "0" * 32, scene.environment["DATA_KEY_ARN"])


def test_people_and_programs_are_told(scene: Scene, inbox: aws_environment.Inbox) -> None:
    scene.asks()
    (mail,), (event,) = inbox.read()
    assert mail["Message"].startswith(
        f"As of 2026-11-23 12:00 UTC: Activate certificate {asked().certificate.certificate_id[:8]}… for pump-0042, Plant B."
    )
    assert f"https://approvals.example/approvals/{scene.id}" in mail["Message"]
    assert (event["source"], event["detail-type"]) == ("gatehouse", "Approval requested")
    assert event["detail"]["approval_id"] == scene.id
    assert event["detail"]["link"].endswith(scene.id)


def test_a_device_that_is_named_like_an_attack(scene: Scene, inbox: aws_environment.Inbox) -> None:
    scene.asks(asked(device="a\r\nSubject: x", site="<script>https://evil.example</script>"))
    (mail,), (event,) = inbox.read()
    told = mail["Message"] + mail["Subject"] + event["detail"]["sentence"] + event["detail"]["site"]
    assert "<script>" not in told
    assert "evil.example" not in told
    assert "\r" not in told
    assert "\n" not in mail["Subject"]


def test_a_repeated_call_tells_and_opens_nothing_twice(scene: Scene, inbox: aws_environment.Inbox) -> None:
    scene.asks()
    before = scene.request()
    scene.at(NOW + MINUTE)
    scene.asks()
    assert scene.request() == before
    mails, events = inbox.read()
    assert (len(mails), len(events)) == (1, 1)


def test_a_crash_before_the_event_is_made_good_by_the_retry(
    scene: Scene, inbox: aws_environment.Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> str:
        raise AwsUnavailable("EventBridge is away")

    with monkeypatch.context() as patch:
        patch.setattr(EventBus, "put", fails)
        with pytest.raises(AwsUnavailable):
            scene.asks()
    assert scene.request().announced_at is None
    scene.asks(asked(token="token-2"))
    assert len(inbox.read()[0]) == 1
    assert scene.request().announced_at == NOW


def test_a_retry_replaces_the_token_and_keeps_the_deadline(scene: Scene) -> None:
    scene.asks()
    scene.at(NOW + HOUR)
    scene.asks(asked(token="token-2"))
    request = scene.request()
    assert (request.generation, request.decide_by, request.status) == (2, NOW + 4 * HOUR, "PENDING")
    assert token(scene) == "token-2"


@pytest.mark.parametrize("delivered", [False, True])
def test_a_redrive_after_the_decision_owes_it_to_the_new_token(scene: Scene, delivered: bool) -> None:
    scene.asks()
    scene.votes(ADA)
    scene.votes(SAM)
    if delivered:
        scene.streams()
    scene.asks(asked(token="token-2"))
    request = scene.request()
    assert (request.status, request.resume_state, request.generation) == ("APPROVED", "OWED", 2)


def test_votes_survive_a_retry_on_the_same_facts_only(scene: Scene) -> None:
    scene.asks()
    scene.votes(ADA)
    scene.asks(asked(token="token-2"))
    assert len(scene.request().approvals) == 1


def test_an_execution_that_lost_its_admission_asks_nobody(scene: Scene, inbox: aws_environment.Inbox) -> None:
    with pytest.raises(AdmissionNotOwned):
        scene.asks(claimed=False)
    assert scene.approvals.find(scene.id) is None
    assert inbox.read() == ([], [])


def test_two_certificates_of_one_execution_are_two_requests(scene: Scene) -> None:
    other = asked("pump-0043", rule=ruling(requirements=asks(quality=1)))
    assert scene.asks() != scene.asks(other)
