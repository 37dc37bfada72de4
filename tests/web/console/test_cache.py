"""Answers hold for a moment, errors never, and many who ask at once cost one call."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from gatehouse.console.cache import Answers
from gatehouse.stack.target import Target


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_answer_holds_until_its_time_is_over() -> None:
    clock, calls = Clock(), iter(range(9))
    answers = Answers(clock)
    assert answers.get("key", 2.0, lambda: next(calls)) == 0
    clock.now = 1.9
    assert answers.get("key", 2.0, lambda: next(calls)) == 0
    clock.now = 2.0
    assert answers.get("key", 2.0, lambda: next(calls)) == 1


def test_error_is_not_kept() -> None:
    answers = Answers(Clock())
    with pytest.raises(ZeroDivisionError):
        answers.get("key", 9.0, lambda: 1 // 0)
    assert answers.get("key", 9.0, lambda: 7) == 7


def test_forgetting_asks_anew() -> None:
    answers = Answers(Clock())
    answers.get("key", 9.0, lambda: 1)
    answers.forget()
    assert answers.get("key", 9.0, lambda: 2) == 2


def test_many_who_ask_at_once_are_one_call() -> None:
    answers, arrived, calls = Answers(), threading.Barrier(8), iter(range(9))

    def ask(_: int) -> int:
        arrived.wait(5)
        return answers.get("key", 60.0, lambda: next(calls))

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {0}


def test_no_more_than_so_many_are_kept() -> None:
    clock = Clock()
    answers = Answers(clock)
    for number in range(2000):
        answers.get(number, 60.0, lambda: number)  # noqa: B023 - called at once
    assert len(answers._cached) <= 512
    assert len(answers._fetching) <= 513


def test_clients_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    target = Target("stack")

    def make(service: str) -> object:
        made.append(service)
        return object()

    monkeypatch.setattr(target, "_make_client", make)
    assert target.client("s3") is target.client("s3")
    assert target.client("iot") is not target.client("s3")
    assert made == ["s3", "iot"]
