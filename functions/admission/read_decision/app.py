"""Read what was decided, from the table and from nowhere else."""

from typing import Any

from msgspec import Struct

from functions.shared import clock
from functions.shared.approvals import Approvals
from functions.shared.observability import count, observed
from functions.shared.settings import settings
from workflows.admission import contracts
from workflows.approval import request as requests
from workflows.approval.errors import ApprovalUnknown, DecisionPending
from workflows.approval.request import Request, Step, whole


class Settings(Struct, frozen=True, kw_only=True):
    approvals_table: str


@observed
def handler(event: Any, context: Any) -> Any:  # noqa: ARG001
    """State *Read decision*. Input: ReadDecisionInput; output: Decision.

    Expires a request that is overdue; if a vote won the race, that decision is answered. Raises DecisionPending (→ Request approval)
    if nothing is decided or nobody was ever asked, AwsUnavailable (retryable).
    """
    asked = contracts.read(contracts.ReadDecisionInput, event)
    approvals, at = Approvals(settings(Settings).approvals_table), whole(clock.now())
    approval_id = requests.approval_id(asked.execution.arn, asked.certificate_id)
    try:
        request = approvals.change(approval_id, lambda standing: requests.expire(standing, at=at))
    except ApprovalUnknown as error:
        raise DecisionPending(f"{error} It has to be made first.") from error
    if requests.too_late(request, at=at):
        request = approvals.change(approval_id, lambda standing: _lapse(standing, asked.execution.arn))
    return contracts.write(requests.decision(request, at=at))


def _lapse(request: Request, execution_arn: str) -> Step | None:
    """An approval that comes too late to be acted on stays visible as not carried out."""
    if request.resume_state == "LOST":
        return None
    count("ApprovalNotCarriedOut")
    because = f"The execution {execution_arn} came to it after execute_by."
    return requests.lost(request, because=because, source="read_decision", at=whole(clock.now()))
