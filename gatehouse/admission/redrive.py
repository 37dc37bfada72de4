"""Redriving a failed execution: it goes on from the state where it stopped. Sealed, and the audit trail keeps who asked and why."""

from gatehouse.admission import admissions, sealed_acts
from gatehouse.admission.admissions import Admission
from gatehouse.errors import AnsweredNo
from gatehouse.evidence import audit_trail
from gatehouse.stack.target import Target
from workflows.evidence.acts import GONE, ended


def require_failed(target: Target, admission: Admission) -> None:
    """Raises `AnsweredNo` for an admission whose execution did not fail. Of one that is open, Step Functions itself is asked."""
    if admission.execution_arn.startswith("arn:") and admission.outcome == "failed":
        return
    if admission.outcome != "open":
        raise AnsweredNo(
            f"The admission of {admission.certificate_id} is {admission.outcome}; only a failed execution can be redriven."
        )
    status = admissions.execution_status(target, admission.execution_arn)
    if status == GONE:
        raise AnsweredNo(
            f"The execution of {admission.certificate_id} is {status}. Close its admission, so that the next knock starts anew: "
            f"gatehouse admissions reopen {admission.certificate_id}"
        )
    if not ended(status):
        raise AnsweredNo(
            f"The execution of {admission.certificate_id} is {status}; only a failed one can be redriven. "
            "Follow it: gatehouse admissions watch"
        )


def redrive(target: Target, certificate_id: str, execution_arn: str, reason: str) -> str:
    """Redrive the execution that owns the certificate's admission; answers the key of the record that seals it.

    Raises `AnsweredNo` if AWS will not or another execution owns it by now, `BadInput`, `TrailUnavailable`, and as
    `sealed_acts.carry_out`.
    """
    why = audit_trail.require_reason(reason)
    with audit_trail.recorded(target, "admission", "redrive", execution_arn, reason=why) as act:
        key = sealed_acts.carry_out(target, "redrive", certificate_id, execution_arn, why)
        act.new = {"evidence_key": key}
    return key
