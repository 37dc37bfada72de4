"""Redrives a failed execution: it continues from the state that failed. The act is sealed, and the audit trail says who did it and why."""

from gatehouse.admission import admissions, sealed_acts
from gatehouse.admission.admissions import Admission
from gatehouse.errors import AnsweredNo
from gatehouse.evidence import audit_trail
from gatehouse.stack.target import Target
from workflows.evidence.acts import GONE, ended


def require_failed(target: Target, admission: Admission) -> None:
    """Raises `AnsweredNo` if the execution did not fail. For an open admission, Step Functions says whether it did."""
    if admission.execution_arn.startswith("arn:") and admission.outcome == "failed":
        return
    if admission.outcome != "open":
        raise AnsweredNo(
            f"The admission of {admission.certificate_id} is {admission.outcome}; only a failed execution can be redriven."
        )
    status = admissions.execution_status(target, admission.execution_arn)
    if status == GONE:
        raise AnsweredNo(
            f"The execution of {admission.certificate_id} is {status}. Close its admission, so that the next knock starts a new one: "
            f"gatehouse admissions reopen {admission.certificate_id}"
        )
    if not ended(status):
        raise AnsweredNo(
            f"The execution of {admission.certificate_id} is {status}; only a failed one can be redriven. "
            "Follow it: gatehouse admissions watch"
        )


def redrive(target: Target, certificate_id: str, execution_arn: str, reason: str) -> str:
    """Redrive the execution that owns the certificate's admission. Returns the key of the sealed record.

    Raises `AnsweredNo` if AWS refuses, or if another execution owns the admission now; `BadInput`, `TrailUnavailable`, and what
    `sealed_acts.carry_out` raises.
    """
    why = audit_trail.require_reason(reason)
    with audit_trail.recorded(target, "admission", "redrive", execution_arn, reason=why) as act:
        key = sealed_acts.carry_out(target, "redrive", certificate_id, execution_arn, why)
        act.new = {"evidence_key": key}
    return key
