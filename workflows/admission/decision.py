"""From what the inventory says to what is to be done, and a hash of everything that a person would decide on."""

from typing import Any

import msgspec

from workflows.admission import inventory_cells as cells
from workflows.admission.contracts import CertificateFacts, DeviceDecision, DeviceRecord, Finding, Ruling
from workflows.admission.inventory import Binding, Match, counts_for_every_ca
from workflows.admission.policies import Policy
from workflows.admission.trial import HELD
from workflows.approval.rules import Case, Rules
from workflows.canonical import canonical, sha256


def decide(
    facts: CertificateFacts,
    matched: Match,
    binding: Binding | None,
    policy: Policy | None,
    rules: Rules,
    *,
    other_issuers: bool = False,
) -> DeviceDecision:
    """What is to be done with the certificate, and why.

    `binding` is that of the matched device, `policy` its record's profile; None if there is none. `other_issuers`: CAs with other
    keys are registered beside this one. A trial's device is held and a denied one refused, without asking the rules. For the rest the
    rules decide, except that no rule lets in what there is nothing to admit as, nor, without a person, a second certificate or a name
    that several CAs could have given.
    """
    findings = _findings(facts, matched, binding, policy, other_issuers=other_issuers)
    ruling = None if facts.trial or matched.denied else rules.rule(case(facts, matched.record, findings))
    action, reason = _action(matched, binding, policy, findings, ruling)
    if facts.trial:
        action, reason = "hold", f"{matched.reason} {HELD}"
    bound_to = None if binding is None else binding.bound_certificate_id
    policy_name = None if policy is None or ruling is None else policy.name
    return DeviceDecision(
        action=action,
        reason=reason,
        findings=findings,
        matched_by=matched.matched_by,
        record=matched.record,
        bound_certificate_id=bound_to,
        ruling=ruling,
        policy_name=policy_name,
        basis_sha256=basis(
            facts, matched, bound_certificate_id=bound_to, findings=findings, ruling=ruling, policy_name=policy_name
        ),
    )


def basis(
    facts: CertificateFacts,
    matched: Match,
    *,
    bound_certificate_id: str | None,
    findings: tuple[Finding, ...],
    ruling: Ruling | None,
    policy_name: str | None,
) -> str:
    """The SHA-256 of what a person decides on, as RFC 8785 JSON. It changes exactly when an approval must no longer count.

    When the record was entered, and the hash of the whole rules file, are left out: importing the same line again, or changing another
    rule, leaves what was decided on as it was. The rule itself and the file's version are in.
    """
    record: dict[str, Any] | None = None if matched.record is None else msgspec.to_builtins(matched.record)
    ruled: dict[str, Any] | None = None if ruling is None else msgspec.to_builtins(ruling)
    seen = {
        "certificate_id": facts.certificate_id,
        "public_key": facts.public_key,
        "subject": facts.subject,
        "record": _without(record, "entered_at"),
        "bound_certificate_id": bound_certificate_id,
        "findings": list(findings),
        "ruling": _without(ruled, "rules_sha256"),
        "policy_name": policy_name,
    }
    return sha256(canonical(seen))


def _findings(
    facts: CertificateFacts, matched: Match, binding: Binding | None, policy: Policy | None, *, other_issuers: bool
) -> tuple[Finding, ...]:
    found: list[Finding] = []
    if matched.record is None:
        found.append("unknown_device")
    if binding is not None and binding.bound_certificate_id != facts.certificate_id:
        found.append("second_certificate")
    if other_issuers and matched.record is not None and counts_for_every_ca(matched.record):
        found.append("name_without_issuer")
    if policy is not None and policy.wildcards:
        found.append("wildcard_policy")
    return tuple(found)


def case(facts: CertificateFacts, record: DeviceRecord | None, findings: tuple[Finding, ...]) -> Case:
    """What the rules are asked about a certificate that `record` expects; None: no line of the inventory does."""
    known = Case(ca_certificate_id=facts.ca_certificate_id, issuer_key=facts.issuer_key, findings=findings)
    if record is None:
        return known
    return msgspec.structs.replace(
        known,
        product=record.product,
        site=record.site,
        attributes=record.attributes,
        policy_profile=record.policy_profile,
        device=record.device,
        entered_by=record.entered_by,
    )


def _action(
    matched: Match,
    binding: Binding | None,
    policy: Policy | None,
    findings: tuple[Finding, ...],
    ruling: Ruling | None,
) -> tuple[Any, str]:
    """The action and the reason for it, for people."""
    if ruling is None:
        return "refuse", matched.reason
    said = f"{matched.reason}{_conflict(binding, findings)} {_ruled(ruling)}"
    if ruling.action in ("hold", "refuse"):
        return ruling.action, said
    record = matched.record
    if record is None:
        return (
            "hold",
            f"{said} But there is no device to admit it as: enter it in the inventory, and it is looked up again.",
        )
    if obstacle := _obstacle(record.device, policy, record.policy_profile):
        return "hold", f"{matched.reason} {obstacle}"
    if ruling.action == "auto" and (
        never := next((_NEVER_ALONE[one] for one in findings if one in _NEVER_ALONE), None)
    ):
        return "hold", f"{said} {never}"
    return ruling.action, said


_NEVER_ALONE: dict[Finding, str] = {
    "second_certificate": "But a second certificate is never admitted without a person: add a rule on the finding second_certificate.",
    "name_without_issuer": "But no rule alone admits by a name that any of several CAs could have given.",
}
"""What is never admitted by a rule without people, and why."""


def _obstacle(device: str, policy: Policy | None, profile: str) -> str | None:
    """What would make AWS refuse the device later; found here, nothing has to be rolled back."""
    try:
        cells.thing_name(device)
    except ValueError as error:
        return f"But its name cannot become a thing's: it {error} Correct the record."
    if policy is None:
        return f"But there is no policy profile {cells.shown(profile)}: correct the record, or add config/policies/{profile}.json."
    return None


def _conflict(binding: Binding | None, findings: tuple[Finding, ...]) -> str:
    said = ""
    if binding is not None and "second_certificate" in findings:
        said += (
            f" The device has been bound to certificate {binding.bound_certificate_id} since {binding.bound_at:%Y-%m-%d}: "
            "this one is a rotation or a clone."
        )
    if "name_without_issuer" in findings:
        said += (
            " Several CAs are registered, and the line does not say whose device bears this name: "
            "import it again with that CA's issuer_key (gatehouse ca show says it)."
        )
    return said


def _ruled(ruling: Ruling) -> str:
    does = {
        "auto": "admits it",
        "people": "asks " + " and ".join(f"{part.count} of {part.group}" for part in ruling.requirements),
        "hold": "holds it",
        "refuse": "refuses it",
    }[ruling.action]
    if ruling.rule_id == "none":
        return "No approval rule matches, so it is held."
    return f"Rule {ruling.rule_id} (version {ruling.rule_version}) {does}."


def _without(parts: dict[str, Any] | None, key: str) -> dict[str, Any] | None:
    return None if parts is None else {name: value for name, value in parts.items() if name != key}
