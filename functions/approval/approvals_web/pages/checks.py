"""The checks, as the person who decides sees them: problems first, each with its value, source and time."""

from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import Struct

from workflows.admission.contracts import CertificateFacts, DeviceDecision
from workflows.revocation.verdict import Verdict
from workflows.text import misleading

State = Literal["bad", "attention", "good"]
_HASH = "device.basis_sha256"
"""The hash of all other values. It is left out, because it tells a person nothing."""
_ORDER: dict[State, int] = {"bad": 0, "attention": 1, "good": 2}


class Evidence(Struct, frozen=True, kw_only=True):
    """The snapshot that a request holds (see `workflows.approval.opening`)."""

    certificate: CertificateFacts
    revocation: Verdict
    device: DeviceDecision


class Check(Struct, frozen=True, kw_only=True):
    """One line. `value` may contain text that the device chose, so it is shown as untrusted text."""

    state: State
    what: str
    value: str
    source: str
    at: datetime | None = None


class Difference(Struct, frozen=True, kw_only=True):
    """One value that changed. `before` or `after` is empty if there was no value."""

    name: str
    before: str
    after: str


def read(snapshot: Any) -> Evidence:
    return msgspec.convert(snapshot, Evidence)


def checks(evidence: Evidence) -> list[Check]:
    """Returns the checks: failed ones first, then those that need attention, then passed ones."""
    made = [
        _revocation(evidence.revocation),
        _inventory(evidence.device),
        _binding(evidence.device),
        _policy(evidence.device),
        *_names(evidence),
        _validity(evidence.certificate),
        Check(
            state="good",
            what="Key",
            value=f"{evidence.certificate.key}, signed with {evidence.certificate.signature_algorithm}",
            source="Certificate, within config/limits.toml",
        ),
    ]
    return sorted(made, key=lambda check: _ORDER[check.state])


def differences(before: Any, after: Any) -> list[Difference]:
    """Returns the values that differ between two snapshots, each with the path of its name."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    names = [name for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name) and name != _HASH]
    return [Difference(name=name, before=old.get(name, ""), after=new.get(name, "")) for name in names]


def _revocation(verdict: Verdict) -> Check:
    governing = verdict.governing
    source = "No usable list"
    if governing:
        valid = f"of {governing.this_update:%Y-%m-%d %H:%M} UTC, next due {governing.next_update:%Y-%m-%d %H:%M} UTC"
        source = f"The CA's list number {governing.number} {valid}"
    value = "Not revoked" if verdict.status == "good" else f"{verdict.status.capitalize()}: {verdict.reason}"
    state: State = "good" if verdict.status == "good" else "bad"
    return Check(state=state, what="Revocation", value=value, source=source, at=verdict.at)


def _inventory(device: DeviceDecision) -> Check:
    record = device.record
    if record is None:
        return Check(state="bad", what="Inventory", value="No record matches this certificate", source="Inventory")
    by = {"certificate": "its certificate's hash", "serial": "issuer and serial number", "name": "only its name"}
    several = "name_without_issuer" in device.findings
    state: State = "bad" if several else "attention" if device.matched_by == "name" else "good"
    whose = ": any of several CAs could have issued it" if several else ""
    return Check(
        state=state,
        what="Inventory",
        value=f"Expected as {record.device}, matched by {by.get(device.matched_by or '', 'nothing')}{whose}",
        source=f"Entered by {record.entered_by}",
        at=record.entered_at,
    )


def _binding(device: DeviceDecision) -> Check:
    if "second_certificate" in device.findings:
        value = f"The device already has certificate {device.bound_certificate_id}: this is a rotation or a clone"
        return Check(state="bad", what="Binding", value=value, source="Inventory")
    return Check(state="good", what="Binding", value="No other certificate for this device", source="Inventory")


def _policy(device: DeviceDecision) -> Check:
    name = device.policy_name or "none"
    if "wildcard_policy" in device.findings:
        value = f"{name} allows more than the device's own topics"
        return Check(state="bad", what="Policy", value=value, source="config/policies")
    return Check(state="good", what="Policy", value=f"{name} will be attached", source="config/policies")


def _names(evidence: Evidence) -> list[Check]:
    """Compares the subject with the inventory, and looks for characters that can mislead the person who compares them."""
    subject, name, record = evidence.certificate.subject, evidence.certificate.common_name, evidence.device.record
    same = record is not None and name == record.device
    made = [
        Check(
            state="good" if same else "attention",
            what="Subject",
            value=subject,
            source="Certificate; the same name as in the inventory"
            if same
            else "Certificate; the inventory has another name",
        )
    ]
    if odd := misleading(subject + (record.device if record else "")):
        value = f"Has characters that can mislead: {', '.join(odd[:5])}"
        made.append(Check(state="bad", what="Spelling", value=value, source="Certificate's subject"))
    return made


def _validity(certificate: CertificateFacts) -> Check:
    value = f"{certificate.not_before:%Y-%m-%d} to {certificate.not_after:%Y-%m-%d}"
    return Check(state="good", what="Validity", value=value, source="Certificate, within config/limits.toml")


def _leaves(value: Any, name: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [leaf for key, part in value.items() for leaf in _leaves(part, f"{name}.{key}" if name else str(key))]
    if isinstance(value, list):
        return [leaf for number, part in enumerate(value) for leaf in _leaves(part, f"{name}[{number}]")]
    return [(name, "" if value is None else str(value))]
