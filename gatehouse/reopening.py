"""Letting a certificate knock anew before its time: reopening its admission, or forgetting it. The audit trail keeps who and why."""

from datetime import datetime
from typing import Any

import msgspec
from botocore.exceptions import ClientError

from gatehouse import tables
from gatehouse.admissions import Admission
from gatehouse.errors import AnsweredNo
from gatehouse.target import Target
from gatehouse.trail import recorded, require_reason

_LEARNED = (
    "execution_name, turn_at, last_seen, knocks, reason, fault, inspected_at, subject, issuer_key, serial, revoked_by"
)
"""What `forget` drops. Outcome, device and the name of the sealed record stay: the next record is chained to that one."""

_NOBODY = "forgotten"
"""The owner of a forgotten admission: no execution, so that none can be redriven into it."""


def require_reopenable(admission: Admission) -> None:
    """Raises `AnsweredNo` where reopening could start nothing."""
    match admission.outcome:
        case "open":
            raise AnsweredNo(
                f"The admission of {admission.certificate_id} is open: an execution owns it. If that has failed, redrive it."
            )
        case "admitted":
            raise AnsweredNo(
                f"The certificate {admission.certificate_id} is admitted; only certificates that wait (PENDING_ACTIVATION) knock."
            )


def reopen(target: Target, admission: Admission, reason: str, *, at: datetime) -> Admission:
    """From `at` on a knock starts anew; everything else stays. Answers the admission as it is now.

    Raises `AnsweredNo` (also if it has changed since `admission` was read: look again), `BadInput`, `TrailUnavailable`.
    """
    why = require_reason(reason)
    require_reopenable(admission)
    now = round(at.timestamp() * 1000)
    with recorded(
        target,
        "admission",
        "reopen",
        admission.certificate_id,
        old={"outcome": admission.outcome, "reopen_at": admission.reopen_at},
        new={"reopen_at": now},
        reason=why,
    ):
        return _update(target, admission, "SET reopen_at = :now", now=now)


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


def forget(target: Target, admission: Admission, reason: str, *, at: datetime) -> None:
    """Drop what was learned of a certificate that AWS IoT no longer has, so that it is new if it is registered again.

    Without a sealed record the row goes; otherwise what the next record is chained to stays. Raises as `reopen`.
    """
    why = require_reason(reason)
    require_forgettable(target, admission)
    with recorded(
        target,
        "admission",
        "forget",
        admission.certificate_id,
        old={name: getattr(admission, name) for name in ("outcome", "device", "execution_arn", "evidence_key")},
        reason=why,
    ):
        if admission.evidence_key is None:
            _delete(target, admission)
        else:
            now = round(at.timestamp() * 1000)
            expression = f"SET reopen_at = :now, execution_arn = :nobody REMOVE {_LEARNED}"
            _update(target, admission, expression, now=now, nobody=_NOBODY)


_UNCHANGED = "outcome = :outcome AND execution_arn = :execution"


def _request(target: Target, admission: Admission, **values: Any) -> dict[str, Any]:
    """Only if it still stands as it was read: a knock may have started an execution meanwhile."""
    seen = {":outcome": admission.outcome, ":execution": admission.execution_arn}
    return {
        "TableName": target.output("AdmissionsTable"),
        "Key": tables.to_item({"certificate_id": admission.certificate_id}),
        "ConditionExpression": _UNCHANGED,
        "ExpressionAttributeValues": tables.to_item(seen | {f":{name}": value for name, value in values.items()}),
    }


def _update(target: Target, admission: Admission, expression: str, **values: Any) -> Admission:
    dynamodb = target.client("dynamodb")
    try:
        answer = dynamodb.update_item(
            **_request(target, admission, **values), UpdateExpression=expression, ReturnValues="ALL_NEW"
        )
    except dynamodb.exceptions.ConditionalCheckFailedException as error:
        raise _changed(admission) from error
    return msgspec.convert(tables.to_plain(answer["Attributes"]), Admission)


def _delete(target: Target, admission: Admission) -> None:
    dynamodb = target.client("dynamodb")
    try:
        dynamodb.delete_item(**_request(target, admission))
    except dynamodb.exceptions.ConditionalCheckFailedException as error:
        raise _changed(admission) from error


def _changed(admission: Admission) -> AnsweredNo:
    return AnsweredNo(
        f"The admission of {admission.certificate_id} has changed meanwhile; nothing was done. "
        f"Look again: gatehouse admissions show {admission.certificate_id}"
    )
