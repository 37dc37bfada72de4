"""Read the decision, from the table only."""

from msgspec import Struct

from functions.admission.read_decision.reading import read
from functions.shared.approvals import Approvals
from functions.shared.handlers import step
from functions.shared.settings import settings
from workflows.admission.contracts import Decision, ReadDecisionInput
from workflows.approval.request import approval_id


class Settings(Struct, frozen=True, kw_only=True):
    approvals_table: str


@step(ReadDecisionInput)
def handler(request: ReadDecisionInput) -> Decision:
    """State *Read decision*. Raises DecisionPending (→ Request approval) if nothing is decided, AwsUnavailable (retryable)."""
    approvals = Approvals(settings(Settings).approvals_table)
    return read(approvals, approval_id(request.execution.arn, request.certificate_id))
