"""What the execution is told is what stands in the table."""

import pytest

from tests.approvals import HOUR, MINUTE, NOW, person
from tests.functions.approval.conftest import Scene
from workflows.approval.errors import DecisionPending
from workflows.errors import BadInput

ADA, SAM = person("ada", "quality"), person("sam", "security")


@pytest.fixture(autouse=True)
def opened(scene: Scene) -> None:
    scene.asks()


def test_a_callback_by_somebody_else_decides_nothing(scene: Scene) -> None:
    with pytest.raises(DecisionPending, match="is open until"):
        scene.reads()
    assert scene.request().status == "PENDING"


def test_nobody_was_ever_asked(scene: Scene) -> None:
    with pytest.raises(DecisionPending, match="has to be created first"):
        scene.reads(certificate_id="0" * 64)


def test_an_approval_with_its_votes(scene: Scene) -> None:
    scene.votes(ADA)
    scene.votes(SAM)
    told = scene.reads()
    assert (told.status, told.approval_id, told.execute_by) == ("approved", scene.id, NOW + 8 * HOUR)
    assert [(vote.subject, vote.groups) for vote in told.votes] == [("ada", ("quality",)), ("sam", ("security",))]
    assert all(vote.signature for vote in told.votes)
    assert scene.request().resume_state == "DELIVERED"


def test_a_rejection_with_its_reason(scene: Scene) -> None:
    scene.votes(SAM, "reject", reason="Serial number is not ours")
    told = scene.reads()
    assert told.status == "rejected"
    assert told.reason == "Rejected by Sam (security) at 2026-11-23 12:00:00 UTC: Serial number is not ours"


def test_an_overdue_request_expires(scene: Scene) -> None:
    scene.votes(ADA)
    scene.at(NOW + 4 * HOUR)
    assert scene.reads().status == "expired"
    request = scene.request()
    assert (request.status, request.resume_state, request.decided_at) == ("EXPIRED", "DELIVERED", NOW + 4 * HOUR)
    assert scene.reads().reason == "Nobody decided by 2026-11-23 16:00:00 UTC."


def test_an_approval_in_time_is_not_expired_later(scene: Scene) -> None:
    scene.at(NOW + 4 * HOUR - MINUTE)
    scene.votes(ADA)
    scene.votes(SAM)
    scene.at(NOW + 5 * HOUR)
    assert scene.reads().status == "approved"


def test_an_approval_that_can_no_longer_be_carried_out_is_reported(scene: Scene) -> None:
    scene.votes(ADA)
    scene.votes(SAM)
    scene.at(NOW + 8 * HOUR)
    told = scene.reads()
    assert told.status == "expired"
    assert "to be carried out by 2026-11-23 20:00:00 UTC" in told.reason
    request = scene.request()
    assert (request.status, request.resume_state) == ("APPROVED", "LOST")
    version = request.version
    assert scene.reads().status == "expired"
    assert scene.request().version == version


def test_input_that_is_none(scene: Scene) -> None:
    with pytest.raises(BadInput, match="certificate_id"):
        scene.reads(certificate_id="x")
