"""Letting a certificate knock anew before its time: reopening its admission, or forgetting it. Sealed, and on the audit trail."""

from botocore.exceptions import ClientError

from gatehouse.admission import admissions, sealed_acts
from gatehouse.admission.admissions import Admission
from gatehouse.errors import AnsweredNo
from gatehouse.evidence.audit_trail import recorded, require_reason
from gatehouse.stack.target import Target
from workflows.evidence.acts import ended


def require_reopenable(target: Target, admission: Admission) -> None:
    """Raises `AnsweredNo` where reopening could start nothing. Of an open admission, Step Functions is asked whether it goes on."""
    match admission.outcome:
        case "open":
            status = admissions.execution_status(target, admission.execution_arn)
            if not ended(status):
                raise AnsweredNo(
                    f"The admission of {admission.certificate_id} is open: an execution owns it, and is {status}. "
                    "Let it end, or stop it in the Step Functions console first."
                )
        case "admitted":
            raise AnsweredNo(
                f"The certificate {admission.certificate_id} is admitted; only certificates that wait (PENDING_ACTIVATION) knock."
            )


def reopen(target: Target, admission: Admission, reason: str) -> Admission:
    """From now on a knock starts anew; everything else stays. Returns the admission as it is now.

    One that is open though its execution has ended is closed as failed with it.

    Raises `AnsweredNo` (also if it has changed since `admission` was read: look again), `BadInput`, `TrailUnavailable`, and as
    `sealed_acts.carry_out`.
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

    What a later list revokes is looked up among the admissions: a certificate that may still connect has to stay there.
    """
    if admission.outcome == "open":
        raise AnsweredNo(
            f"The admission of {admission.certificate_id} is open: an execution owns it. Let it end, or stop it first."
        )
    try:
        found = target.client("iot").describe_certificate(certificateId=admission.certificate_id)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return
    status = found["certificateDescription"]["status"]
    raise AnsweredNo(
        f"The certificate {admission.certificate_id} is still in AWS IoT, {status}: a list that revokes it later must find it here. "
        "Delete it in AWS IoT first, or use `gatehouse admissions reopen`."
    )


def forget(target: Target, admission: Admission, reason: str) -> None:
    """Drop what was learned of a certificate that AWS IoT no longer has, so that it is new if it is registered again.

    What the next record is chained to stays. Raises as `reopen`.
    """
    why = require_reason(reason)
    require_forgettable(target, admission)
    old = {name: getattr(admission, name) for name in ("outcome", "device", "execution_arn", "evidence_key")}
    with recorded(target, "admission", "forget", admission.certificate_id, old=old, reason=why) as act:
        key = sealed_acts.carry_out(target, "forget", admission.certificate_id, admission.execution_arn, why)
        act.new = {"evidence_key": key}
