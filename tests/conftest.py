"""What holds for every test."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from tests import rights

COUNTED = "counted"
"""The property under which a test records what it counted, in words."""

# How long an example takes says how busy the machine is, not whether the rule holds.
settings.register_profile("gatehouse", deadline=None)
settings.load_profile("gatehouse")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--every-right",
        action="store_true",
        help="fail if a function's role has a right that none of these tests needs",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    rights.test_running = item.nodeid
    return (yield)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker hands what it saw to the process that started it; that one judges, once all tests have passed."""
    seen = [(*right, *sorted(tests)[:RELIED_ON_BY]) for right, tests in rights.used.items()]
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["rights"] = seen
    elif session.config.getoption("--every-right"):
        rights.write(seen)
        if session.exitstatus == pytest.ExitCode.OK and rights.needless():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


RELIED_ON_BY = 5
"""So many tests are remembered for each right."""


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    for function, number, action, *tests in getattr(node, "workeroutput", {}).get("rights", ()):
        rights.used[function, number, action].update(tests)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print what tests counted (fault cases, mutants): at the end, since a worker's output reaches nobody."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    told = [said for report in reports for name, said in report.user_properties if name == COUNTED]
    if config.getoption("--every-right"):
        told += rights.summary()
    if told:
        terminalreporter.section("tried")
        for line in told:
            terminalreporter.write_line(line)
