"""Lets a certificate start a new admission early: its admission is reopened or forgotten. The act is sealed and on the audit trail."""

from botocore.exceptions import ClientError

from gatehouse.admission import admissions, sealed_acts
from gatehouse.admission.admissions import Admission
from gatehouse.errors import AnsweredNo
from gatehouse.evidence.audit_trail import recorded, require_reason
from gatehouse.stack.target import Target
from workflows.evidence.acts import ended


def require_reopenable(target: Target, admission: Admission) -> None:
    """Raises `AnsweredNo` if no new admission could start. For an open admission, Step Functions says whether its execution runs."""
    match admission.outcome:
        case "open":
            status = admissions.execution_status(target, admission.execution_arn)
            if not ended(status):
                raise AnsweredNo(
                    f"The admission of {admission.certificate_id} is open, and its execution is {status}. "
                    "Let it end, or stop it in the Step Functions console first."
                )
        case "admitted":
            raise AnsweredNo(
                f"The certificate {admission.certificate_id} is admitted. Only a certificate that is PENDING_ACTIVATION can knock."
            )


def reopen(target: Target, admission: Admission, reason: str) -> Admission:
    """Let the next knock start a new admission; everything else stays. Returns the admission as it is now.

    If the admission is open but its execution has ended, it is also closed as failed.

    Raises `AnsweredNo` (also if the row has changed since `admission` was read), `BadInput`, `TrailUnavailable`, and what
    `sealed_acts.carry_out` raises.
    """
    why = require_reason(reason)
    require_reopenable(target, admission)
    old = {"outcome": admission.outcome, "reopen_at": admission.reopen_at}
    with recorded(target, "admission", "reopen", admission.certificate_id, old=old, reason=why) as act:
        key = sealed_acts.carry_out(target, "reopen", admission.certificate_id, admission.execution_arn, why)
        now = admissions.by_certificate(target, admission.certificate_id) or admission
        act.new = {"reopen_at": now.reopen_at, "evidence_key": key}
    return now


def require_forgettable(target: Target, admission: Admission) -> None:
    """Raises `AnsweredNo` for an admission that is open, or whose certificate is still in AWS IoT.

    A sweep finds what a later list revokes in the admissions table, so a certificate that may still connect must stay there.
    """
    if admission.outcome == "open":
        raise AnsweredNo(
            f"The admission of {admission.certificate_id} is open. Let its execution end, or stop it first."
        )
    try:
        found = target.client("iot").describe_certificate(certificateId=admission.certificate_id)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return
    status = found["certificateDescription"]["status"]
    raise AnsweredNo(
        f"The certificate {admission.certificate_id} is still in AWS IoT ({status}), and a sweep may have to find its admission. "
        "Delete it in AWS IoT first, or use `gatehouse admissions reopen`."
    )


def forget(target: Target, admission: Admission, reason: str) -> None:
    """Delete what the table knows about a certificate that AWS IoT no longer has. If it is registered again, it is new.

    The link to the last record stays, for the next record's chain. Raises what `reopen` raises.
    """
    why = require_reason(reason)
    require_forgettable(target, admission)
    old = {name: getattr(admission, name) for name in ("outcome", "device", "execution_arn", "evidence_key")}
    with recorded(target, "admission", "forget", admission.certificate_id, old=old, reason=why) as act:
        key = sealed_acts.carry_out(target, "forget", admission.certificate_id, admission.execution_arn, why)
        act.new = {"evidence_key": key}
