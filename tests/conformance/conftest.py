"""The score, printed after the run: for each suite how many cases, exact, unsafe, declined."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Protocol

import msgspec
import pytest
from cryptography import x509

from tests import pki
from workflows.revocation import Verdict, check
from workflows.revocation.verdict import Status

Score = Callable[[str, Status, Status], None]
_SCORE = "conformance"


def grade(expected: Status, got: Status) -> str:
    """``unsafe`` is good where it must not be; ``declined`` is unknown, or a refusal, where an answer was owed."""
    if got == expected:
        return "exact"
    return "unsafe" if got == "good" else "declined"


@pytest.fixture
def score(record_property: Callable[[str, object], None]) -> Score:
    """``score(suite, expected, got)`` records one case. It judges nothing: the test asserts."""

    def record(suite: str, expected: Status, got: Status) -> None:
        record_property(_SCORE, f"{suite}\t{grade(expected, got)}")

    return record


class Expect(Protocol):
    """Check, score, assert; return the verdict for more assertions."""

    def __call__(
        self,
        expected: Status,
        *lists: bytes,
        certificate: x509.Certificate | None = None,
        issuer: x509.Certificate | None = None,
        at: datetime = pki.NOW,
        clause: str | None = None,
        max_age: timedelta | None = None,
        max_size: int = 1_000_000,
        last_numbers: Mapping[str, int] | None = None,
    ) -> Verdict: ...


@pytest.fixture
def expect(score: Score) -> Expect:
    """Ask about the suite's device under the suite's CA, and expect that status.

    ``clause``: one of the lists must have failed that very rule, so that a case cannot pass for another reason.
    """

    def ask(
        expected: Status,
        *lists: bytes,
        certificate: x509.Certificate | None = None,
        issuer: x509.Certificate | None = None,
        at: datetime = pki.NOW,
        clause: str | None = None,
        max_age: timedelta | None = None,
        max_size: int = 1_000_000,
        last_numbers: Mapping[str, int] | None = None,
    ) -> Verdict:
        verdict = check(
            certificate or device(),
            issuer or ca().certificate,
            lists,
            at,
            max_age=max_age,
            max_size=max_size,
            last_numbers=last_numbers,
        )
        score("generated adversarial lists", expected, verdict.status)
        assert verdict.status == expected, msgspec.json.format(msgspec.json.encode(verdict)).decode()
        if clause is not None:
            assert clause in [one.clause for one in verdict.not_counted]
        return verdict

    return ask


SERIAL = 0x51A7_0DC3_9E42_7BF8_0195_77E3_2C0A_64D1_8F3B_5E20
"""The device's: 20 octets, none of them likely to stand elsewhere."""
SHARD = "http://crl.example.com/1.crl"
OTHER_SHARD = "http://crl.example.com/2.crl"


@cache
def ca() -> pki.Authority:
    return pki.authority("Conformance CA")


@cache
def device() -> x509.Certificate:
    return pki.device(ca(), serial=SERIAL)


@cache
def sharded_device() -> x509.Certificate:
    """The same serial, and a distribution point."""
    return pki.device(ca(), serial=SERIAL, crl_urls=[SHARD])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    suites: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in report.user_properties:
                if name == _SCORE:
                    suite, result = value.split("\t")
                    suites[suite][result] += 1
    if not suites:
        return
    terminalreporter.section("revocation conformance")
    row = "{:<44}{:>8}{:>8}{:>8}{:>10}".format
    terminalreporter.write_line(row("suite", "cases", "exact", "unsafe", "declined"))
    for suite, results in [*sorted(suites.items()), ("all", sum(suites.values(), Counter()))]:
        counts = (results[result] for result in ("exact", "unsafe", "declined"))
        terminalreporter.write_line(row(suite, results.total(), *counts))
