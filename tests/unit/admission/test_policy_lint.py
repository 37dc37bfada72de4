"""Linting a policy profile: what makes it unusable, and what is for people to judge."""

import json
from pathlib import Path

import pytest

from workflows.admission import policies, policy_lint

PROFILES = Path(__file__).parents[3] / "config" / "policies"
THING = "${iot:Connection.Thing.ThingName}"
CONNECT = {"Effect": "Allow", "Action": "iot:Connect", "Resource": f"arn:aws:iot:*:*:client/{THING}"}


def lint(*statements: object) -> list[str]:
    found = policy_lint.lint("device", json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))
    assert found.usable
    return [finding.message for finding in found.findings]


@pytest.mark.parametrize("file", sorted(PROFILES.glob("*.json")), ids=lambda file: file.stem)
def test_own_profiles_can_be_used(file: Path) -> None:
    found = policy_lint.lint(file.stem, file.read_text())
    assert found.usable
    assert found.name == policies.load(file.stem, file.read_text()).name


def test_profile_that_ties_everything_to_the_device_has_nothing_to_find() -> None:
    assert lint(CONNECT) == []
    assert lint({**CONNECT, "Action": ["iot:connect"]}) == []


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([CONNECT, {**CONNECT, "Resource": "arn:aws:iot:*:*:topic/*"}], "reaches beyond the device: statement 2"),
        ([{**CONNECT, "Resource": "arn:aws:iot:*:*:client/pump-1"}], "does not name the device"),
        ([{**CONNECT, "Action": "iot:Publish"}], "allows no iot:Connect"),
        ([{**CONNECT, "Effect": "Deny"}], "allows no iot:Connect"),
        ([{**CONNECT, "Sid": "x" * 1800}], "AWS IoT takes 2048"),
    ],
)
def test_what_people_must_judge_is_a_warning(statements: list[object], expected: str) -> None:
    (found,) = lint(*statements)
    assert expected in found


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"Version": "2012-10-17"}', '{"Version": "2012-10-17", "Statement": [7]}']
)
def test_what_is_no_policy_is_an_error(text: str) -> None:
    found = policy_lint.lint("device", text)
    assert not found.usable
    assert [finding.severity for finding in found.findings] == ["error"]
    assert found.name is None
