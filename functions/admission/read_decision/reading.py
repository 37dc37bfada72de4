"""The hand-over of a decision: the execution continues with what the table says, and the table notes that the execution has it."""

from functions.shared import clock
from functions.shared.approvals import Approvals
from functions.shared.observability import count
from workflows.admission.contracts import Decision
from workflows.approval import request as requests
from workflows.approval.errors import ApprovalUnknown, DecisionPending
from workflows.approval.request import Request, Step, whole

SOURCE = "read_decision"


def read(approvals: Approvals, approval_id: str) -> Decision:
    """Returns the decision. Expires a request that is overdue, unless a vote is stored first: then the vote is the decision.

    Raises `DecisionPending` if nothing is decided, or nobody was ever asked.
    """
    at = whole(clock.now())

    def hand_over(request: Request) -> Step | None:
        if requests.too_late(request, at=at):
            return _lapse(request)
        if request.status == "PENDING":
            return requests.expire(request, at=at)
        return None if request.resume_state == "DELIVERED" else requests.delivered(request, source=SOURCE, at=at)

    def _lapse(request: Request) -> Step | None:
        because = f"The execution {request.execution_arn} read the decision after execute_by."
        return (
            None if request.lost_because == because else requests.lost(request, because=because, source=SOURCE, at=at)
        )

    try:
        request = approvals.change(approval_id, hand_over)
    except ApprovalUnknown as error:
        raise DecisionPending(f"{error} It has to be created first.") from error
    if request.resume_state == "LOST":
        count("ApprovalNotCarriedOut")
    return requests.decision(request, at=at)
