"""The repair of each finding: looked at again first, since the finding may be a day old, and safe to repeat. A person decides."""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

from botocore.exceptions import ClientError

from gatehouse.admission import admissions, reopening
from gatehouse.admission.admissions import Admission
from gatehouse.errors import AnsweredNo
from gatehouse.evidence.files import Bucket, readable
from gatehouse.evidence.operators_trail import recorded, require_reason
from gatehouse.reconciliation import findings
from gatehouse.reconciliation.findings import Standing
from gatehouse.stack.target import Target
from workflows.admission.inventory import device_key
from workflows.dynamodb_items import to_item, to_plain
from workflows.evidence.acts import ended
from workflows.evidence.record import AdmissionRecord
from workflows.reconciliation.findings import Kind


class Repair(NamedTuple):
    """`does` says in words what `carry_out` will do to the world as it is now."""

    does: str
    carry_out: Callable[[], None]


def plan(target: Target, found: Standing) -> Repair:
    """Look again, and say what would be done. Changes nothing. Raises `AnsweredNo` if there is nothing to do, or nothing that may be."""
    makers: dict[Kind, Callable[[Target, Standing], Repair]] = {
        "open_without_execution": _close,
        "decision_not_carried_out": _ask_again,
        "active_without_decision": _deactivate,
        "active_without_policy": _attach_policy,
        "bound_without_certificate": _unbind,
        "orphan_thing": _delete_thing,
    }
    if found.kind == "pending_without_admission":
        raise AnsweredNo(
            "Nothing has to be repaired: the device knocks again. Find out why no knock comes through: gatehouse doctor"
        )
    if found.kind not in makers:
        raise AnsweredNo(
            f"No command brings a device back. Look at {found.device or found.subject} where it stands, or accept it."
        )
    return makers[found.kind](target, found)


def repair(target: Target, found: Standing, planned: Repair, reason: str) -> None:
    """Carry `planned` out; the finding goes with it. A person took their time to agree, so it is planned once more.

    Raises `AnsweredNo`, also if something else would have to be done by now; `BadInput`, `TrailUnavailable`.
    """
    why = require_reason(reason)
    if plan(target, found).does != planned.does:
        raise AnsweredNo(f"Something else would repair {found.subject} by now; nothing was done. Look again.")
    new = {"kind": found.kind, "does": planned.does}
    with recorded(target, "admission", "repair_finding", found.subject, new=new, reason=why):
        planned.carry_out()
    findings.drop(target, found)


def _close(target: Target, found: Standing) -> Repair:
    row = _admission(target, found.subject)
    if row.outcome != "open":
        raise _over(found, f"the admission is {row.outcome} by now")
    status = admissions.execution_status(target, row.execution_arn)
    if not ended(status):
        raise _over(found, f"its execution is {status}")

    def carry_out() -> None:
        reopening.reopen(target, row, f"Its execution is {status}, and its admission was still open")

    return Repair("mark the admission failed; the next knock starts anew, or redrive its execution", carry_out)


def _ask_again(target: Target, found: Standing) -> Repair:
    answer = target.client("dynamodb").get_item(
        TableName=target.output("ApprovalsTable"),
        Key=to_item({"approval_id": found.subject, "item": "request"}),
        ConsistentRead=True,
    )
    request = to_plain(answer.get("Item", {}))
    if request.get("resume_state") == "OWED":
        raise AnsweredNo(
            "It is still being handed over, every minute. Look at the log of resume_execution for what stops it."
        )
    if request.get("resume_state") != "LOST":
        raise _over(found, "the decision was carried out, or is open")
    row = _admission(target, request["certificate_id"])
    reopening.require_reopenable(target, row)

    def carry_out() -> None:
        reopening.reopen(target, row, "Its decision could not be carried out")

    return Repair("reopen the admission: the device's next knock asks people again", carry_out)


def _deactivate(target: Target, found: Standing) -> Repair:
    row = admissions.by_certificate(target, found.subject)
    if row is not None and row.outcome in ("open", "admitted"):
        raise _over(found, f"its admission is {row.outcome} by now")
    status = target.client("iot").describe_certificate(certificateId=found.subject)["certificateDescription"]["status"]
    if status != "ACTIVE":
        raise _over(found, f"the certificate is {status}")

    def carry_out() -> None:
        target.client("iot").update_certificate(certificateId=found.subject, newStatus="INACTIVE")

    return Repair("set the certificate INACTIVE: its device is disconnected", carry_out)


def _attach_policy(target: Target, found: Standing) -> Repair:
    row = _admission(target, found.subject)
    if row.outcome != "admitted":
        raise AnsweredNo(f"Its admission is {row.outcome}. Redrive it: gatehouse admissions redrive {found.subject}")
    described = target.client("iot").describe_certificate(certificateId=found.subject)["certificateDescription"]
    if described["status"] != "ACTIVE":
        raise _over(found, f"the certificate is {described['status']}")
    arn = described["certificateArn"]
    if target.client("iot").list_attached_policies(target=arn)["policies"]:
        raise _over(found, "it has a policy")
    policy = _sealed_policy(target, row)

    def carry_out() -> None:
        target.client("iot").attach_policy(policyName=policy, target=arn)

    return Repair(f"attach {policy}, with which it was admitted", carry_out)


def _unbind(target: Target, found: Standing) -> Repair:
    dynamodb, key = target.client("dynamodb"), to_item({"lookup_key": device_key(found.subject)})
    answer = dynamodb.get_item(TableName=target.output("InventoryTable"), Key=key, ConsistentRead=True)
    if "Item" not in answer:
        raise _over(found, "the device is not bound")
    bound = to_plain(answer["Item"])["bound_certificate_id"]
    row = admissions.by_certificate(target, bound)
    if row is not None and row.outcome == "open":
        raise _over(found, "the admission of its certificate is open, and may have bound it a moment ago")
    principals = _principals(target, found.subject)
    if any(principal.endswith(f":cert/{bound}") for principal in principals or ()):
        raise _over(found, "its thing holds the certificate")

    def carry_out() -> None:
        try:
            dynamodb.delete_item(
                TableName=target.output("InventoryTable"),
                Key=key,
                ConditionExpression="bound_certificate_id = :bound",
                ExpressionAttributeValues=to_item({":bound": bound}),
            )
        except dynamodb.exceptions.ConditionalCheckFailedException as error:
            raise AnsweredNo(f"{found.subject} was bound anew meanwhile; nothing was done.") from error

    return Repair(f"unbind {found.subject} from certificate {bound}: another one is no second one then", carry_out)


def _delete_thing(target: Target, found: Standing) -> Repair:
    principals = _principals(target, found.subject)
    if principals is None:
        raise _over(found, "there is no such thing")
    if principals:
        raise _over(found, f"it holds {', '.join(principals)}")

    def carry_out() -> None:
        target.client("iot").delete_thing(thingName=found.subject)

    return Repair(f"delete the thing {found.subject}, its attributes and its place in groups with it", carry_out)


def _over(found: Standing, because: str) -> AnsweredNo:
    return AnsweredNo(f"There is nothing to repair: {because}. The next round drops the finding {found.kind}.")


def _admission(target: Target, certificate_id: str) -> Admission:
    row = admissions.by_certificate(target, certificate_id)
    if row is None:
        raise AnsweredNo(f"There is no admission of certificate {certificate_id} any more.")
    return row


def _principals(target: Target, thing: str) -> list[str] | None:
    try:
        found: list[str] = target.client("iot").list_thing_principals(thingName=thing)["principals"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return None
    return found


def _sealed_policy(target: Target, row: Admission) -> str:
    """The policy that the sealed record names; the record is the one whose hash the admission keeps."""
    file = next(Bucket(target).read([row.evidence_key] if row.evidence_key else []), None)
    if file is not None and hashlib.sha256(file.data).hexdigest() == row.evidence_sha256:
        record = readable(file.data)
        if isinstance(record, AdmissionRecord) and record.dossier.policy is not None:
            return record.dossier.policy.policy_name
    raise AnsweredNo(
        f"No sealed record says which policy {row.certificate_id} was admitted with. "
        "Look at it: gatehouse evidence show, and attach the policy yourself."
    )
