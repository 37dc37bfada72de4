"""Each call leaves one line that can be found again, faults are counted by name, and events are never logged."""

import io
import json
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from functions.shared.observability import count, logger, observed
from tests import aws_environment
from workflows.admission.errors import PolicyRefused

EVENT = {
    "certificate_id": "c" * 64,
    "execution": {"arn": "arn:aws:states:x:execution:run-1"},
    "task_token": "a secret",
    "certificate": {"subject": "CN=<script>"},
}


class Log:
    """What was written since it was last asked: log lines, then metrics."""

    def __init__(self, stream: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
        self._stream = stream
        self._capsys = capsys

    def lines(self) -> list[dict[str, Any]]:
        written = self._stream.getvalue() + self._capsys.readouterr().out
        self._stream.seek(0)
        self._stream.truncate()
        return [json.loads(line) for line in written.splitlines()]


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]) -> Iterator[Log]:
    stream = io.StringIO()
    before = logger.registered_handler.setStream(stream)  # type: ignore[attr-defined]
    yield Log(stream, capsys)
    logger.registered_handler.setStream(before)  # type: ignore[attr-defined]


def answering(answer: Any) -> Any:
    """An observed handler that answers this."""

    def handler(event: Any, context: Any) -> Any:
        return answer

    return observed(handler)


def test_a_call_is_found_by_certificate_and_execution(log: Log) -> None:
    answering({"status": "good"})(EVENT, aws_environment.context())
    (line,) = log.lines()
    assert (line["certificate_id"], line["execution"]) == (EVENT["certificate_id"], "arn:aws:states:x:execution:run-1")
    assert line["status"] == "good"


@pytest.mark.parametrize(
    "event",
    [
        {"certificate_id": "c"},
        {"certificate": {"certificate_id": "c"}},
        {"dossier": {"claim": {"certificate_id": "c"}}, "event": {"certificateId": "not read yet"}},
        {"item": {"certificate_id": "c"}},
    ],
)
def test_wherever_a_state_hands_the_certificate_over_it_is_found(log: Log, event: Any) -> None:
    answering(None)(event, aws_environment.context())
    (line,) = log.lines()
    assert line["certificate_id"] == "c"


@pytest.mark.parametrize("answer", [None, "text", {"status": "good", "facts": "a secret"}])
def test_neither_event_nor_answer_is_logged(log: Log, answer: Any) -> None:
    answering(answer)(EVENT, aws_environment.context())
    written = json.dumps(log.lines())
    assert "a secret" not in written
    assert "<script>" not in written


@pytest.mark.parametrize(
    "event", [None, [], "text", {"certificate": "odd", "execution": []}, {"dossier": {"claim": None}}]
)
def test_an_odd_event_does_not_stop_the_log(log: Log, event: Any) -> None:
    answering(None)(event, aws_environment.context())
    (line,) = log.lines()
    assert line["message"] == "done"


def test_nothing_of_one_call_is_left_for_the_next(log: Log) -> None:
    handler = answering(None)
    handler(EVENT, aws_environment.context())
    handler({}, aws_environment.context())
    _, second = log.lines()
    assert second.get("certificate_id") is None
    assert second.get("execution") is None


def test_a_fault_is_counted_logged_and_let_pass(log: Log) -> None:
    def refused(event: Any, context: Any) -> None:
        raise PolicyRefused("too long")

    with pytest.raises(PolicyRefused):
        observed(refused)(EVENT, aws_environment.context())
    lines = log.lines()
    assert [line["message"] for line in lines if line.get("level") == "WARNING"] == ["PolicyRefused: too long"]
    assert [line["error"] for line in lines if "Fault" in line] == ["PolicyRefused"]


def test_a_mistake_of_ours_is_logged_with_its_traceback(log: Log) -> None:
    def wrong(event: Any, context: Any) -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        observed(wrong)(EVENT, aws_environment.context())
    lines = log.lines()
    assert any("KeyError" in line.get("exception", "") for line in lines)
    assert [line["error"] for line in lines if "Fault" in line] == ["unforeseen"]


def test_counting_nothing_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answering(None)({}, aws_environment.context())


def test_each_count_is_of_its_own_call(log: Log) -> None:
    def counting(event: Any, context: Any) -> None:
        count("AdmissionEnded", outcome=event["outcome"])

    for outcome in ("held", "admitted"):
        observed(counting)({"outcome": outcome}, aws_environment.context())
    metrics = [line for line in log.lines() if "AdmissionEnded" in line]
    assert [(line["outcome"], line["AdmissionEnded"]) for line in metrics] == [("held", [1.0]), ("admitted", [1.0])]


def test_a_fault_does_not_take_another_count_away_from_its_alarm(log: Log) -> None:
    """CloudWatch keeps a metric by all dimensions of its line: with the fault's, no alarm on the service alone would see it."""

    def counting(event: Any, context: Any) -> None:
        count("TrailNotWritten")
        raise PolicyRefused("too long")

    with pytest.raises(PolicyRefused):
        observed(counting)({}, aws_environment.context())
    [written] = [line for line in log.lines() if "TrailNotWritten" in line]
    [kept] = written["_aws"]["CloudWatchMetrics"]
    assert not any("error" in names for names in kept["Dimensions"])
