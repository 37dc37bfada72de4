"""Redriving a failed execution: it goes on from the state where it stopped. Sealed, and the audit trail keeps who asked and why."""

from gatehouse import sealed_acts, trail
from gatehouse.admissions import Admission
from gatehouse.errors import AnsweredNo
from gatehouse.target import Target


def require_failed(admission: Admission) -> None:
    """Raises `AnsweredNo` for an admission that did not fail: its execution ended, or goes on."""
    if admission.outcome != "failed" or not admission.execution_arn.startswith("arn:"):
        raise AnsweredNo(
            f"The admission of {admission.certificate_id} is {admission.outcome}; only a failed execution can be redriven."
        )


def redrive(target: Target, certificate_id: str, execution_arn: str, reason: str) -> str:
    """Redrive the execution that owns the certificate's admission; answers the key of the record that seals it.

    Raises `AnsweredNo` if AWS will not or another execution owns it by now, `BadInput`, `TrailUnavailable`, and as
    `sealed_acts.carry_out`.
    """
    why = trail.require_reason(reason)
    with trail.recorded(target, "admission", "redrive", execution_arn, reason=why) as act:
        key = sealed_acts.carry_out(target, "redrive", certificate_id, execution_arn, why)
        act.new = {"evidence_key": key}
    return key
