"""Compares the configured policy profiles with the policies in AWS IoT: missing, changed and unused ones."""

import difflib
import json
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from gatehouse.errors import NotFound
from gatehouse.policies import iot_policies
from gatehouse.policies.iot_policies import MOST_COUNTED, Deployed
from gatehouse.stack import configuration
from gatehouse.stack.target import Target
from workflows import stored
from workflows.admission import policies
from workflows.admission.policies import Policy
from workflows.admission.policy_lint import Finding
from workflows.configuration import ConfigurationInvalid

Document = Literal["identical", "equal", "changed", "absent", "unusable"]
"""How the document in force compares with the one whose hash is in the policy's name: the same text (``identical``), the same JSON value
in another text (``equal``), or another value (``changed``). ``absent``: AWS IoT does not have the policy until a device needs it.
``unusable``: no policy can be made from the profile."""


class Compared(Struct, frozen=True, kw_only=True):
    """A policy that Gatehouse makes. ``configured``: the policy of a present profile. ``earlier``: no profile has its document now.

    `name` is None if the profile cannot be used, `deployed` if the policy is not in AWS IoT, `wanted` for an earlier policy.
    `can_go`: it is an earlier one and attached to nothing, so it can be deleted.
    """

    profile: str
    name: str | None
    standing: Literal["configured", "earlier"]
    document: Document
    wanted: dict[str, Any] | None = None
    deployed: Deployed | None = None
    can_go: bool = False
    findings: tuple[Finding, ...] = ()

    @property
    def wrong(self) -> bool:
        return any(finding.severity == "error" for finding in self.findings)


def compare(target: Target) -> list[Compared]:
    """Each profile with its policy, then the earlier policies by name."""
    there = iot_policies.names(target)
    configured = [_configured(target, file, there) for file in sorted(configuration.PROFILES.glob("*.json"))]
    known = {one.name for one in configured}
    earlier = (_earlier(target, name) for name in sorted(there - known))
    return [*configured, *(one for one in earlier if one is not None)]


def show(target: Target, name: str, *, most: int | None = MOST_COUNTED) -> Compared:
    """The policy of a profile, or one by its name in AWS IoT, with at most `most` of its attachments. Raises `NotFound`."""
    there = iot_policies.names(target)
    files = sorted(configuration.PROFILES.glob("*.json"))
    for file in files:
        if name in (file.stem, _name_of(file)):
            return _configured(target, file, there, most)
    found = _earlier(target, name, most) if name in there else None
    if found is None:
        known = ", ".join(file.stem for file in files)
        raise NotFound(
            f"Got {name[:200]!r}; expected a profile ({known}) or a name that `gatehouse policies list` shows."
        )
    return found


def difference(one: Compared) -> str:
    """A diff from the configured document to the one in force. Empty if they are equal, or if one of them is not known."""
    if one.wanted is None or one.deployed is None or one.document != "changed":
        return ""
    wanted, found = f"config/policies/{one.profile}.json", f"{one.name}, version {one.deployed.default_version}"
    lines = difflib.unified_diff(_lines(one.wanted), _lines(_parsed(one.deployed.text)), wanted, found, lineterm="")
    return "\n".join(lines)


def _configured(target: Target, file: Path, there: set[str], most: int | None = MOST_COUNTED) -> Compared:
    try:
        policy = _load(file)
    except ConfigurationInvalid as error:
        finding = Finding(severity="error", message=str(error))
        return Compared(profile=file.stem, name=None, standing="configured", document="unusable", findings=(finding,))
    deployed = iot_policies.read(target, policy.name, most=most) if policy.name in there else None
    document: Document = "absent"
    if deployed is not None:
        same = (
            _parsed(deployed.text) == policy.document
        )  # compare the whole value: the name has only a part of the hash
        document = _judge(policy.profile, policy.name, deployed.text) if same else "changed"
    return Compared(
        profile=policy.profile,
        name=policy.name,
        standing="configured",
        document=document,
        wanted=policy.document,
        deployed=deployed,
        findings=() if deployed is None else _findings(target, policy.profile, deployed, document, configured=True),
    )


def _earlier(target: Target, name: str, most: int | None = MOST_COUNTED) -> Compared | None:
    """An earlier policy. None if Gatehouse did not make it, or if it was deleted meanwhile."""
    profile = policies.profile_of(name)
    deployed = iot_policies.read(target, name, most=most) if profile else None
    if profile is None or deployed is None:
        return None
    document = _judge(profile, name, deployed.text)
    return Compared(
        profile=profile,
        name=name,
        standing="earlier",
        document=document,
        deployed=deployed,
        can_go=deployed.attached.nothing,
        findings=_findings(target, profile, deployed, document, configured=False),
    )


def _judge(profile: str, name: str, text: str) -> Literal["identical", "equal", "changed"]:
    """Compare a document with the hash in the name. This also works for documents that no profile has now."""
    document = _parsed(text)
    if not isinstance(document, dict) or policies.policy_name(profile, document) != name:
        return "changed"
    return "identical" if text == policies.minified(document) else "equal"


def _findings(
    target: Target, profile: str, deployed: Deployed, document: Document, *, configured: bool
) -> tuple[Finding, ...]:
    found = []
    attached = deployed.attached
    if document == "changed":
        back = _way_back(target, profile, deployed, configured=configured)
        said = (
            f"somebody changed it in AWS IoT: the document of version {deployed.default_version}, which is in force, "
            "does not match the hash in its name. "
            f"Devices with this policy have the changed rights, and no further device is admitted with it. {back}"
        )
        harmless = attached.nothing and not configured
        found.append(Finding(severity="warning" if harmless else "error", message=said))
    elif len(deployed.versions) > 1:
        said = f"has {len(deployed.versions)} versions; Gatehouse makes only one, so somebody has changed it. AWS IoT keeps at most 5"
        found.append(Finding(severity="warning", message=said))
    if attached.groups:
        said = f"is attached to thing groups ({', '.join(attached.groups)}): their devices have the policy without an admission. Detach it"
        found.append(Finding(severity="error", message=said))
    if attached.others:
        said = f"is attached to something other than a certificate ({', '.join(attached.others)})"
        found.append(Finding(severity="warning", message=said))
    return tuple(found)


def _way_back(target: Target, profile: str, deployed: Deployed, *, configured: bool) -> str:
    others = (one.id for one in deployed.versions if not one.default)
    good = next((one for one in others if _is_good(target, profile, deployed.name, one)), None)
    if good:
        return (
            f"Restore it: aws iot set-default-policy-version --policy-name {deployed.name} --policy-version-id {good}"
        )
    if configured:
        return f"No version has the correct document now. Make one from config/policies/{profile}.json and set it as default"
    return "No version has the correct document now, and no profile either. Delete the policy when nothing has it"


def _is_good(target: Target, profile: str, name: str, version: str) -> bool:
    return _judge(profile, name, iot_policies.text_of(target, name, version)) != "changed"


def _load(file: Path) -> Policy:
    return policies.load(file.stem, file.read_text(encoding="utf-8", errors="replace"))


def _name_of(file: Path) -> str | None:
    try:
        return _load(file).name
    except ConfigurationInvalid:
        return None


def _lines(document: Any) -> list[str]:
    return json.dumps(document, indent=2, sort_keys=True).splitlines()


def _parsed(text: str) -> Any:
    try:
        return stored.read(text)
    except stored.Unreadable:
        return text
