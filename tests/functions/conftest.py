"""Every test of a function gets a fresh AWS in its process, and a clock that stands still."""

from collections.abc import Iterator

import pytest

from tests import aws_environment, pki


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The functions' environment variables; the clock stands at `pki.NOW`."""
    aws_environment.set_clock(monkeypatch, pki.NOW)
    with aws_environment.running(monkeypatch) as variables:
        yield variables


@pytest.fixture
def inbox(environment: dict[str, str]) -> aws_environment.Inbox:
    return aws_environment.listen()
