"""What a request is opened with: who is asked, by which rule, for how long, and on which evidence."""

import hashlib
from datetime import datetime, timedelta

from workflows.admission.contracts import RequestApprovalInput
from workflows.approval.bulk import all_green
from workflows.approval.request import Request, approval_id, token_digest, whole
from workflows.canonical import canonical
from workflows.errors import BadInput


def prepare(asked: RequestApprovalInput, *, at: datetime, tell_each: bool = False) -> tuple[Request, str]:
    """The request that `asked` amounts to at `at`, and its evidence as canonical JSON (RFC 8785), in which no token is.

    The basis, on which people vote, leaves the revocation verdict out: lists are replaced daily, and the machine checks again.
    `tell_each`: each approver is sent a mail of their own as well.
    Raises `BadInput` if the ruling asks nobody.
    """
    ruling, record, certificate = asked.device.ruling, asked.device.record, asked.certificate
    if ruling is None or ruling.action != "people" or not ruling.requirements:
        got = "no ruling" if ruling is None else f"action {ruling.action!r}, {len(ruling.requirements)} requirements"
        raise BadInput(f"There is nobody to ask: got {got}; expected a ruling with action 'people' and requirements.")
    evidence = canonical({"certificate": certificate, "revocation": asked.revocation, "device": asked.device})
    opened_at = whole(at)
    request = Request(
        approval_id=approval_id(asked.execution.arn, certificate.certificate_id),
        certificate_id=certificate.certificate_id,
        execution_arn=asked.execution.arn,
        execution_name=asked.execution.name,
        token_sha256=token_digest(asked.task_token),
        requested_at=opened_at,
        decide_by=opened_at + timedelta(seconds=ruling.decide_within),
        ruling=ruling,
        basis_sha256=asked.device.basis_sha256,
        snapshot_sha256=hashlib.sha256(evidence).hexdigest(),
        device=record.device if record else certificate.common_name or certificate.certificate_id,
        product=record.product if record else "",
        site=record.site if record else "",
        entered_by=record.entered_by if record else None,
        policy_name=asked.device.policy_name,
        tell_each=tell_each,
        green=all_green(certificate, asked.revocation, asked.device),
    )
    return request, evidence.decode()
