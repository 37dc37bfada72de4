"""Check that a record's parts agree with each other, and with its outcome."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from workflows.admission.contracts import Decision, DeviceDecision, Dossier
from workflows.approval import quorum
from workflows.approval.request import signer
from workflows.evidence import votes
from workflows.evidence.errors import EvidenceInvalid
from workflows.evidence.jws import Keys
from workflows.evidence.record import AdmissionRecord, is_of_trial

SKEW = timedelta(minutes=1)
"""How much the clocks of two AWS hosts may differ."""


def check(made: AdmissionRecord, keys: Keys) -> None:
    """Check the record. Raises `EvidenceInvalid`, rule ``vote``, ``clock``, ``place`` or ``outcome``."""
    if made.dossier.claim.certificate_id != made.certificate_id:
        raise EvidenceInvalid("place", "The dossier is of another certificate than the record.")
    if made.dossier.approval is not None:
        _check_votes(made, made.dossier.approval, keys)
    for what, moment in moments(made):
        if moment > made.sealed_at + SKEW:
            raise EvidenceInvalid(
                "clock",
                f"{what} at {moment.isoformat()}, after the record was sealed at {made.sealed_at.isoformat()}: a clock was wrong.",
            )
    if made.outcome == "admitted" and (why := _not_to_be_admitted(made.dossier, made.trial)):
        raise EvidenceInvalid("outcome", f"The device was admitted, but {why}.")


def moments(made: AdmissionRecord) -> Iterator[tuple[str, datetime]]:
    """Yields what happened and when, in the order of the workflow."""
    told = made.dossier
    yield "Execution started", made.execution.started_at
    if told.revocation is not None:
        yield f"CRL checked: {told.revocation.status}", told.revocation.at
    if told.approval is not None:
        yield "Approval requested", told.approval.requested_at
        for vote in told.approval.votes:
            yield f"{signer(vote)}: {vote.decision}", vote.voted_at
    if told.revocation_again is not None:
        yield f"CRL checked again: {told.revocation_again.status}", told.revocation_again.at
    if told.activation is not None:
        yield "Certificate activated", told.activation.activated_at
    if told.refusal is not None:
        yield f"Certificate set {told.refusal.certificate_status}", told.refusal.refused_at


def _check_votes(made: AdmissionRecord, decision: Decision, keys: Keys) -> None:
    asked = made.dossier.device
    if asked is not None and decision.basis_sha256 != asked.basis_sha256:
        raise EvidenceInvalid("vote", "The approval was given on another basis than the one in the record.")
    basis, trusted = decision.basis_sha256, keys.for_votes
    for vote in decision.votes:
        votes.check(vote, decision, certificate_id=made.certificate_id, basis_sha256=basis, keys=trusted)


def _not_to_be_admitted(told: Dossier, trial: bool) -> str | None:
    """Returns why a device with this dossier must not be admitted; None if it may be."""
    verdict, device = told.revocation_again or told.revocation, told.device_again or told.device
    if trial or is_of_trial(told):
        return "it is a trial's device, and those are never admitted"
    if verdict is None or verdict.status != "good":
        return "the record has no good CRL verdict"
    if device is None or device.record is None or device.record.effect != "allow":
        return "the record has no inventory entry that allows it"
    if told.activation is None or told.policy is None:
        return "the record does not say what was activated with which policy"
    if device.action in ("hold", "refuse"):
        return f"the rule said {device.action}"
    return _not_approved(device, told.approval) if device.action == "people" else None


def _not_approved(device: DeviceDecision, decision: Decision | None) -> str | None:
    if decision is None or device.ruling is None or decision.status != "approved":
        return "nobody approved it"
    agreeing = [vote for vote in decision.votes if vote.decision == "approve"]
    if len(agreeing) != len(decision.votes):
        return "somebody voted against it"
    for vote in agreeing:
        if vote.on_behalf_of is not None and vote.voted_at >= vote.on_behalf_of.until:
            return f"{signer(vote)} voted by a delegation that had ended"
    if not quorum.is_met(device.ruling, agreeing, requested_at=decision.requested_at):
        return "its votes do not meet what the rule requires"
    return None
