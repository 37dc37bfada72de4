"""Read what was decided, from the table and from nowhere else."""

from typing import Any

from msgspec import Struct

from functions.admission.read_decision.reading import read
from functions.shared.approvals import Approvals
from functions.shared.observability import observed
from functions.shared.settings import settings
from workflows.admission import contracts
from workflows.approval.request import approval_id


class Settings(Struct, frozen=True, kw_only=True):
    approvals_table: str


@observed
def handler(event: Any, context: Any) -> Any:  # noqa: ARG001
    """State *Read decision*. Input: ReadDecisionInput; output: Decision.

    Raises DecisionPending (→ Request approval) if nothing is decided, AwsUnavailable (retryable).
    """
    asked = contracts.read(contracts.ReadDecisionInput, event)
    approvals = Approvals(settings(Settings).approvals_table)
    return contracts.write(read(approvals, approval_id(asked.execution.arn, asked.certificate_id)))
