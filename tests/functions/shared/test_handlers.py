"""A handler is a typed function: its event is decoded before it is called, and its result encoded after.

mypy reads this file as well: it reports each `type: ignore` below that it does not need, so a mistake that it does not see fails
`make check`.
"""

import json
from typing import Any, Literal, assert_type

import pytest
from msgspec import Struct

from functions.shared import observability
from functions.shared.handlers import Context, on_event, step, triggered
from functions.shared.observability import Handler
from tests import aws_environment
from workflows.admission.contracts import Execution, ReadDecisionInput, TakeTurnInput, Turn
from workflows.admission.errors import EventMalformed
from workflows.errors import BadInput


class Answer(Struct, frozen=True, kw_only=True):
    status: Literal["done"] = "done"
    said: str = ""


def said_by(event: Any) -> str:
    if not isinstance(event, dict):
        raise EventMalformed("not an object")
    return str(event["said"])


EVENT = {"lane": "sweep", "execution": aws_environment.execution()}


def test_a_step_gets_its_contract_and_returns_json() -> None:
    @step(TakeTurnInput)
    def handler(request: TakeTurnInput) -> Answer:
        assert isinstance(request.execution, Execution)
        return Answer(said=request.lane)

    assert_type(handler, Handler)
    assert aws_environment.call(handler, EVENT) == {"status": "done", "said": "sweep"}


def test_an_event_is_read_by_its_reader() -> None:
    @on_event(said_by)
    def handler(said: str) -> Answer:
        return Answer(said=said)

    assert aws_environment.call(handler, {"said": "x"}) == {"status": "done", "said": "x"}


@pytest.mark.parametrize("event", [None, [], "text", {"odd": 1}])
def test_a_schedule_calls_without_an_event(event: Any) -> None:
    @triggered
    def handler() -> Answer:
        return Answer()

    assert aws_environment.call(handler, event) == {"status": "done", "said": ""}


def test_who_wants_lambdas_context_gets_it() -> None:
    @step(TakeTurnInput)
    def of_step(request: TakeTurnInput, context: Context) -> Answer:
        return Answer(said=f"{request.lane} {context.get_remaining_time_in_millis()}")

    @on_event(said_by)
    def of_event(said: str, context: Context) -> Answer:
        return Answer(said=f"{said} {context.invoked_function_arn}")

    @triggered
    def of_schedule(context: Context) -> Answer:
        return Answer(said=str(context.get_remaining_time_in_millis()))

    context = aws_environment.context()
    assert of_step(EVENT, context)["said"] == "sweep 30000"
    assert of_event({"said": "x"}, context)["said"] == f"x {context.invoked_function_arn}"
    assert of_schedule(None, context)["said"] == "30000"


@pytest.mark.parametrize("event", [None, [], "text", {}, {"lane": "another"}, {**EVENT, "certificate_id": "short"}])
def test_what_does_not_decode_is_counted_by_name_and_calls_nobody(
    event: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    @step(TakeTurnInput)
    def handler(request: TakeTurnInput) -> Turn:
        raise AssertionError(request)

    with pytest.raises(BadInput, match="TakeTurnInput"):
        handler(event, aws_environment.context())
    [counted] = [one for line in capsys.readouterr().out.splitlines() if "Fault" in (one := json.loads(line))]
    assert counted["error"] == "BadInput"


def test_the_error_of_a_reader_keeps_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    @on_event(said_by)
    def handler(said: str) -> Answer:
        raise AssertionError(said)

    with pytest.raises(EventMalformed, match="not an object"):
        handler([], aws_environment.context())
    assert '"error":"EventMalformed"' in capsys.readouterr().out


def test_a_call_is_logged_with_what_the_event_says_and_how_it_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[dict[str, Any]] = []
    monkeypatch.setattr(observability.logger, "append_keys", lambda **keys: written.append(keys))
    monkeypatch.setattr(observability.logger, "info", lambda *_, extra: written.append(extra))

    @step(TakeTurnInput)
    def handler(request: TakeTurnInput) -> Answer:
        return Answer(said=request.lane)

    aws_environment.call(handler, EVENT)
    assert (written[0]["execution"], written[-1]) == (aws_environment.execution()["arn"], {"status": "done"})


def mistakes() -> None:
    """Never called: mypy is to find each of these."""

    @step(TakeTurnInput)
    def wrong_result(request: TakeTurnInput) -> Turn:
        return Answer()  # type: ignore[return-value]

    @step(TakeTurnInput)  # type: ignore[arg-type]
    def another_contract(request: ReadDecisionInput) -> Turn:
        raise NotImplementedError

    @step(TakeTurnInput)  # type: ignore[arg-type]
    def no_result(request: TakeTurnInput) -> None:
        raise NotImplementedError

    @step(TakeTurnInput)  # type: ignore[arg-type]
    def not_a_struct(request: TakeTurnInput) -> dict[str, str]:
        raise NotImplementedError

    @step(TakeTurnInput)
    def no_such_field(request: TakeTurnInput) -> Turn:
        return request.turn_at  # type: ignore[attr-defined, no-any-return]

    @step(TakeTurnInput)  # type: ignore[arg-type]
    def another_context(request: TakeTurnInput, context: str) -> Turn:
        raise NotImplementedError

    @on_event(said_by)  # type: ignore[arg-type]
    def another_event(said: int) -> Answer:
        raise NotImplementedError

    @triggered  # type: ignore[arg-type]
    def with_an_event(event: dict[str, str]) -> Answer:
        raise NotImplementedError
