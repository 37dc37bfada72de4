"""Check a policy profile before it is deployed: what makes it unusable, and what reaches beyond one device."""

import re
from typing import Any, Literal

from msgspec import Struct

from workflows.admission import policies
from workflows.configuration import ConfigurationInvalid

NEAR = 0.9
"""Share of the characters that AWS IoT accepts. Above it, the next statement may not fit."""

_CONNECT = re.compile(r"^iot:(Connect|\*)$|^\*$", re.IGNORECASE)


class Finding(Struct, frozen=True, kw_only=True):
    """An ``error`` makes the profile unusable; a ``warning`` is for people to judge."""

    severity: Literal["error", "warning"]
    message: str


class Linted(Struct, frozen=True, kw_only=True):
    """The findings on a profile. `name` (the policy's in AWS IoT) and `characters` are None if it cannot be used."""

    profile: str
    name: str | None
    characters: int | None
    findings: tuple[Finding, ...]

    @property
    def usable(self) -> bool:
        return not any(finding.severity == "error" for finding in self.findings)


def lint(profile: str, text: str) -> Linted:
    """Check ``config/policies/<profile>.json``. Raises no error for any content."""
    try:
        policy = policies.load(profile, text)
    except ConfigurationInvalid as error:
        finding = Finding(severity="error", message=str(error))
        return Linted(profile=profile, name=None, characters=None, findings=(finding,))
    found = [f"reaches beyond the device: {grant}" for grant in policy.wildcards]
    if "${iot:Connection.Thing.ThingName}" not in policy.text:
        found.append("does not name the device: expected ${iot:Connection.Thing.ThingName} in its resources")
    if not _may_connect(policy.document):
        found.append("allows no iot:Connect: the device cannot connect")
    if len(policy.text) > NEAR * policies.MAX_CHARACTERS:
        found.append(f"is {len(policy.text)} characters long; AWS IoT takes {policies.MAX_CHARACTERS}")
    return Linted(
        profile=profile,
        name=policy.name,
        characters=len(policy.text),
        findings=tuple(Finding(severity="warning", message=message) for message in found),
    )


def _may_connect(document: dict[str, Any]) -> bool:
    statements = document["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        actions = statement.get("Action", "*")  # NotAction allows all but a few
        given = actions if isinstance(actions, list) else [actions]
        if statement["Effect"] == "Allow" and any(_CONNECT.match(action) for action in given):
            return True
    return False
