"""The repair of each finding. It is checked again first, since the finding may be a day old. It is safe to repeat. A person decides."""

import hashlib
import shlex
from collections.abc import Callable
from typing import NamedTuple

from botocore.exceptions import ClientError

from gatehouse.admission import admissions, reopening, sealed_acts
from gatehouse.admission.admissions import Admission
from gatehouse.errors import AnsweredNo
from gatehouse.evidence.audit_trail import recorded, require_reason
from gatehouse.evidence.files import Bucket, readable
from gatehouse.reconciliation import findings
from gatehouse.reconciliation.findings import Standing
from gatehouse.stack.target import Target
from workflows.admission.inventory import device_key
from workflows.dynamodb_items import to_item, to_plain
from workflows.evidence.acts import ended
from workflows.evidence.record import ActRecord, AdmissionRecord, Link
from workflows.reconciliation.findings import Kind


class Repair(NamedTuple):
    """`does` says in words what `carry_out` will do in the current state. `carry_out` gets the reason and returns the key of the record
    that seals the act. `by_hand` is the AWS CLI command for a repair that is not sealed yet.
    """

    does: str
    carry_out: Callable[[str], str | None]
    by_hand: tuple[str, ...] = ()


def plan(target: Target, found: Standing) -> Repair:
    """Check the finding again, and return what would be done. Changes nothing.

    Raises `AnsweredNo` if there is nothing to do, or if it must not be done: on AWS, only acts that are sealed are done.
    """
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
            "Nothing has to be repaired: the device knocks again. Find out why its knocks do not arrive: gatehouse doctor"
        )
    if found.kind not in makers:
        raise AnsweredNo(
            f"No command can reconnect a device. Check {found.device or found.subject} on site, or accept the finding."
        )
    planned = makers[found.kind](target, found)
    if planned.by_hand and target.local is None:
        raise AnsweredNo(
            f"Gatehouse does not do this on AWS yet, because it cannot seal it. It would {planned.does}. "
            f"Do it yourself: {shlex.join(planned.by_hand)}. The next round then drops the finding {found.kind}."
        )
    return planned


def repair(target: Target, found: Standing, planned: Repair, reason: str) -> None:
    """Carry out `planned` and delete the finding. It is planned again first, since the person took some time to agree.

    Raises `AnsweredNo`, also if another repair is needed now; `BadInput`, `TrailUnavailable`.
    """
    why = require_reason(reason)
    if plan(target, found).does != planned.does:
        raise AnsweredNo(f"{found.subject} now needs another repair; nothing was done. Check it again.")
    new = {"kind": found.kind, "does": planned.does}
    with recorded(target, "admission", "repair_finding", found.subject, new=new, reason=why) as act:
        key = planned.carry_out(why)
        act.new = new | ({"evidence_key": key} if key else {})
    findings.drop(target, found)


def _close(target: Target, found: Standing) -> Repair:
    row = _admission(target, found.subject)
    if row.outcome != "open":
        raise _over(found, f"the admission is {row.outcome} by now")
    status = admissions.execution_status(target, row.execution_arn)
    if not ended(status):
        raise _over(found, f"its execution is {status}")

    def carry_out(why: str) -> str:
        return sealed_acts.carry_out(target, "close", row.certificate_id, row.execution_arn, why)

    return Repair("close the admission as failed; the next knock starts a new one, or redrive its execution", carry_out)


def _ask_again(target: Target, found: Standing) -> Repair:
    answer = target.client("dynamodb").get_item(
        TableName=target.output("ApprovalsTable"),
        Key=to_item({"approval_id": found.subject, "item": "request"}),
        ConsistentRead=True,
    )
    request = to_plain(answer.get("Item", {}))
    if request.get("resume_state") == "OWED":
        raise AnsweredNo(
            "Gatehouse still tries to hand it over, every minute. The log of resume_execution says why it fails."
        )
    if request.get("resume_state") != "LOST":
        raise _over(found, "the decision was carried out, or is open")
    row = _admission(target, request["certificate_id"])
    reopening.require_reopenable(target, row)

    def carry_out(why: str) -> str | None:
        return reopening.reopen(target, row, why).evidence_key

    return Repair("reopen the admission: the device's next knock asks people again", carry_out)


def _deactivate(target: Target, found: Standing) -> Repair:
    row = admissions.by_certificate(target, found.subject)
    if row is not None and row.outcome in ("open", "admitted"):
        raise _over(found, f"its admission is {row.outcome} by now")
    status = target.client("iot").describe_certificate(certificateId=found.subject)["certificateDescription"]["status"]
    if status != "ACTIVE":
        raise _over(found, f"the certificate is {status}")

    def carry_out(_: str) -> None:
        target.client("iot").update_certificate(certificateId=found.subject, newStatus="INACTIVE")

    by_hand = ("update-certificate", "--certificate-id", found.subject, "--new-status", "INACTIVE")
    return Repair("set the certificate INACTIVE: its device is disconnected", carry_out, ("aws", "iot", *by_hand))


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

    def carry_out(_: str) -> None:
        target.client("iot").attach_policy(policyName=policy, target=arn)

    by_hand = ("aws", "iot", "attach-policy", "--policy-name", policy, "--target", arn)
    return Repair(f"attach {policy}, the policy that it was admitted with", carry_out, by_hand)


def _unbind(target: Target, found: Standing) -> Repair:
    dynamodb, key = target.client("dynamodb"), to_item({"lookup_key": device_key(found.subject)})
    answer = dynamodb.get_item(TableName=target.output("InventoryTable"), Key=key, ConsistentRead=True)
    if "Item" not in answer:
        raise _over(found, "the device is not bound")
    bound = to_plain(answer["Item"])["bound_certificate_id"]
    row = _admission(target, bound)
    if row.outcome == "open":
        raise _over(found, "the admission of its certificate is open, and may have bound it a moment ago")
    principals = _principals(target, found.subject)
    if any(principal.endswith(f":cert/{bound}") for principal in principals or ()):
        raise _over(found, "its thing holds the certificate")

    def carry_out(why: str) -> str:
        return sealed_acts.carry_out(target, "unbind", bound, row.execution_arn, why, device=found.subject)

    return Repair(
        f"unbind {found.subject} from certificate {bound}: then another one does not count as a second certificate",
        carry_out,
    )


def _delete_thing(target: Target, found: Standing) -> Repair:
    principals = _principals(target, found.subject)
    if principals is None:
        raise _over(found, "there is no such thing")
    if principals:
        raise _over(found, f"it holds {', '.join(principals)}")

    def carry_out(_: str) -> None:
        target.client("iot").delete_thing(thingName=found.subject)

    by_hand = ("aws", "iot", "delete-thing", "--thing-name", found.subject)
    return Repair(
        f"delete the thing {found.subject} with its attributes and its membership in groups", carry_out, by_hand
    )


def _over(found: Standing, because: str) -> AnsweredNo:
    return AnsweredNo(f"There is nothing to repair: {because}. The next round drops the finding {found.kind}.")


def _admission(target: Target, certificate_id: str) -> Admission:
    row = admissions.by_certificate(target, certificate_id)
    if row is None:
        raise AnsweredNo(f"Certificate {certificate_id} has no admission, so nothing can be sealed in its chain.")
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
    """Returns the policy in the sealed record. The admission's row has that record's hash."""
    link = Link(key=row.evidence_key, sha256=row.evidence_sha256) if row.evidence_key and row.evidence_sha256 else None
    while link is not None:
        file = next(Bucket(target).read([link.key]), None)
        if file is None or hashlib.sha256(file.data).hexdigest() != link.sha256:
            break
        record = readable(file.data)
        if isinstance(record, AdmissionRecord) and record.dossier.policy is not None:
            return record.dossier.policy.policy_name
        link = record.previous if isinstance(record, ActRecord) else None  # an act on it, such as unbinding its device
    raise AnsweredNo(
        f"No sealed record says which policy {row.certificate_id} was admitted with. "
        "Read its records with gatehouse evidence show, and attach the policy yourself."
    )
