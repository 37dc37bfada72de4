"""Several requests decided in one act: only requests that are alike, and approved only if nothing was found to look into.

Each request still gets its own vote, signature, transaction and line in its history (21 CFR 11.200(a): a person
signs each record). A request that is not alike, or not all green, is decided on its own page, where somebody reads it.
"""

from collections.abc import Iterable
from typing import Annotated, Literal

from msgspec import Meta, Struct

from workflows.admission.contracts import CertificateFacts, DeviceDecision
from workflows.approval.request import Request
from workflows.approval.votes import Ballot
from workflows.hashes import Sha256
from workflows.revocation.verdict import Verdict
from workflows.text import misleading

MOST = 25
"""At most this many requests in one act: enough for a person at a time, and few enough for one call."""


class Ticked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of the requests, and the evidence that was shown for it."""

    approval_id: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
    basis_sha256: Sha256


class Act(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the person sends: one decision, reason and meaning for all of `ballots`."""

    decision: Literal["approve", "reject"]
    reason: str
    meaning: str
    ballots: Annotated[tuple[Ticked, ...], Meta(min_length=1, max_length=MOST)]
    delegation_id: str | None = None

    def ballot(self, ticked: Ticked) -> Ballot:
        return Ballot(
            decision=self.decision,
            reason=self.reason,
            meaning=self.meaning,
            basis_sha256=ticked.basis_sha256,
            delegation_id=self.delegation_id,
        )


class Kind(Struct, frozen=True, kw_only=True):
    """What the requests of one act have in common. `policy_name` is None for a request from before this field existed."""

    rule_id: str
    rule_version: str
    rules_sha256: str
    policy_name: str | None


def kind(request: Request) -> Kind:
    ruling = request.ruling
    return Kind(
        rule_id=ruling.rule_id,
        rule_version=ruling.rule_version,
        rules_sha256=ruling.rules_sha256,
        policy_name=request.policy_name,
    )


def all_green(certificate: CertificateFacts, revocation: Verdict, device: DeviceDecision) -> bool:
    """Whether nothing was found that somebody should look into before approving, as the page shows it line by line.

    This is stricter than the rules: the inventory names this certificate and not only its name, and the name is the
    device's and cannot be confused with another.
    """
    record = device.record
    return (
        revocation.status == "good"
        and not device.findings
        and record is not None
        and device.matched_by in ("certificate", "serial")
        and certificate.common_name == record.device
        and not misleading(certificate.subject + record.device)
    )


def apart(request: Request, of: Kind, decision: str) -> str | None:
    """Why `request` cannot be decided together with others of this kind; None if it can."""
    its = kind(request)
    if its.policy_name is None:
        return "it is not known which policy it would get"
    if its.policy_name != of.policy_name:
        return f"it would get the policy {its.policy_name}, not {of.policy_name}"
    if its != of:
        return f"it is asked by rule {its.rule_id}, version {its.rule_version}, not by {of.rule_id}, version {of.rule_version}"
    if decision == "approve" and not request.green:
        return "something was found that somebody has to look into"
    return None


def unlike(requests: Iterable[Request], decision: str) -> dict[str, str]:
    """The requests that cannot be decided together with the first one, by id, and why. Empty if all can."""
    found: dict[str, str] = {}
    of: Kind | None = None
    for request in requests:
        of = of or kind(request)
        if why := apart(request, of, decision):
            found[request.approval_id] = why
    return found
