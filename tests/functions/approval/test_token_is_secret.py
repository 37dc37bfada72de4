"""A task token goes in once and is seen nowhere again."""

import json
from typing import Any

import pytest

from functions.admission.request_approval.app import handler as request_approval
from functions.shared.event_bus import EventBus
from tests import aws_environment
from tests.approvals import TOKEN, asked, person
from tests.functions.approval.conftest import Scene
from workflows.admission import contracts
from workflows.errors import BadInput

ADA, SAM = person("ada", "quality"), person("sam", "security")


def test_nowhere_in_a_whole_life_of_a_request(
    scene: Scene, inbox: aws_environment.Inbox, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="functions")
    seen: list[Any] = [scene.asks()]
    seen += [scene.asks(asked(token=TOKEN + "again"))]
    seen += [scene.api("GET", f"/api/approvals/{scene.id}", ADA), scene.api("GET", "/api/approvals", ADA)]
    seen += [scene.votes(ADA), scene.votes(ADA, "reject"), scene.votes(SAM)]
    seen += [scene.streams(), contracts.write(scene.reads()), scene.sweeps()]
    scene.asks(asked(token=TOKEN + "third"))
    scene.step_functions.ends(asked().execution.arn)
    seen += [scene.streams(), scene.api("GET", f"/api/approvals/{scene.id}", SAM), *inbox.read()]
    printed = capsys.readouterr()
    everything = "".join((json.dumps(seen), scene.everything_kept(), caplog.text, printed.out, printed.err))
    assert scene.request().resume_state == "LOST"
    assert TOKEN not in everything
    assert TOKEN[:24] not in everything


@pytest.mark.parametrize("broken", [{"execution": 1}, {"task_token": [TOKEN]}, {"device": TOKEN}])
def test_not_in_the_error_of_malformed_input(
    scene: Scene, broken: dict[str, Any], capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(BadInput) as caught:
        request_approval({**contracts.write(asked()), **broken}, aws_environment.context())
    printed = capsys.readouterr()
    assert TOKEN not in "".join((str(caught.value), caplog.text, printed.out, printed.err))


def test_not_in_the_log_of_an_unforeseen_error(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(*_: Any) -> str:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(EventBus, "put", breaks)
    with pytest.raises(RuntimeError):
        scene.asks()
    printed = capsys.readouterr()
    assert "unforeseen" in printed.out
    assert TOKEN not in "".join((caplog.text, printed.out, printed.err))
