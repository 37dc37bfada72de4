"""`gatehouse ca enable|disable`: what AWS IoT is asked for, and what is not touched."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gatehouse.stack.target import Target
from tests import pki
from tests.unit.gatehouse.commands import answer, entries, lose_the_trail, run

NOW = datetime.now(UTC)
WHY = ("--reason", "Key may be compromised")


@pytest.fixture
def ca(target: Target) -> str:
    found = pki.authority(not_before=NOW - pki.DAY, not_after=NOW + pki.YEAR)
    registered = target.client("iot").register_ca_certificate(
        caCertificate=found.pem, certificateMode="SNI_ONLY", setAsActive=True, allowAutoRegistration=True
    )
    return str(registered["certificateId"])


@pytest.fixture
def asked(target: Target) -> list[dict[str, Any]]:
    """What AWS IoT was asked to change: moto leaves automatic registration as it is."""
    found: list[dict[str, Any]] = []
    iot = target.client("iot")
    original = iot.update_ca_certificate

    def update(**request: Any) -> Any:
        found.append(request)
        return original(**request)

    iot.update_ca_certificate = update
    return found


def test_disabled_ca_registers_nobody_and_is_enabled_again(
    target: Target, ca: str, asked: list[dict[str, Any]]
) -> None:
    assert answer("ca", "disable", ca, *WHY, "--yes")["ca"]["status"] == "INACTIVE"
    assert answer("ca", "enable", ca, *WHY, "--yes")["ca"]["status"] == "ACTIVE"
    assert asked == [
        {"certificateId": ca, "newAutoRegistrationStatus": "DISABLE", "newStatus": "INACTIVE"},
        {"certificateId": ca, "newAutoRegistrationStatus": "ENABLE", "newStatus": "ACTIVE"},
    ]
    begun, succeeded = entries(target, "disable")
    assert (begun.subject, begun.reason, begun.old["status"]) == (ca, "Key may be compromised", "ACTIVE")
    assert succeeded.new["status"] == "INACTIVE"


@pytest.mark.usefixtures("target")
def test_automatic_registration_alone_can_be_switched(ca: str, asked: list[dict[str, Any]]) -> None:
    run("ca", "disable", ca, *WHY, "--registration-only", "--yes")
    assert asked == [{"certificateId": ca, "newAutoRegistrationStatus": "DISABLE"}]


@pytest.mark.parametrize("act", ["enable", "disable"])
def test_dry_run_a_no_and_a_lost_trail_change_nothing(
    target: Target, ca: str, asked: list[dict[str, Any]], act: str
) -> None:
    assert answer("ca", act, ca, *WHY, "--dry-run")["done"] is False
    run("ca", act, ca, *WHY, code=1, stdin="n\n")
    run("ca", act, ca, "--reason", "", "--yes", code=2)
    assert entries(target, act) == []
    lose_the_trail(target)
    run("ca", act, ca, *WHY, "--yes", code=3)
    assert asked == []


def test_disabling_says_who_stays_connected(target: Target, ca: str) -> None:
    assert "admitted devices stay connected" in run("ca", "disable", ca, *WHY, "--dry-run").stderr


def test_ca_that_is_not_registered_is_named(target: Target) -> None:
    assert "ab" * 32 in run("ca", "disable", "ab" * 32, *WHY, "--yes", code=2).stderr
