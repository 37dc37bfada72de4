"""Delivers one decision to the execution that waits for it. It is safe to repeat, also if the decision was delivered before."""

from collections.abc import Callable

from functions.approval.resume_execution import executions
from functions.shared import clock, task_tokens
from functions.shared.approvals import Approvals
from functions.shared.observability import count, logger
from workflows.approval import request as requests
from workflows.approval.request import Request, Step, whole

SOURCE = "resume_execution"


class Resumption:
    """Every call may be repeated, come late, or run twice at the same time."""

    def __init__(self, approvals: Approvals, *, data_key_arn: str) -> None:
        self._approvals = approvals
        self._data_key_arn = data_key_arn

    def resume(self, approval_id: str) -> None:
        """Delivers the decision if it is still owed. Raises `AwsUnavailable`: then it stays owed."""
        request = self._approvals.find(approval_id)
        if request is None or request.resume_state != "OWED":
            return
        ciphertext, generation = self._approvals.callback(approval_id)
        token = task_tokens.decrypt(ciphertext, approval_id, self._data_key_arn)
        if executions.resume(token, approval_id):
            self._delivered(request, generation)
            return
        match executions.whereabouts(request.execution_arn):
            case "past":
                self._delivered(request, generation)
            case "gone" if request.status == "EXPIRED":
                self._settle(
                    request, generation, lambda standing: requests.moot(standing, source=SOURCE, at=whole(clock.now()))
                )
            case "gone":
                self._lost(request, generation)
            case "waiting":
                logger.info("the token is used and there is no newer one yet; the sweeper tries again")

    def _delivered(self, request: Request, generation: int) -> None:
        self._settle(
            request, generation, lambda standing: requests.delivered(standing, source=SOURCE, at=whole(clock.now()))
        )
        count("DecisionDelivered")

    def _lost(self, request: Request, generation: int) -> None:
        """Records that the decision was lost. With this record the event for people becomes due; `remind_approvers` puts it."""
        because = f"The execution {request.execution_arn} ended before it could take the decision."
        count("ApprovalNotCarriedOut")
        self._settle(
            request,
            generation,
            lambda standing: requests.lost(standing, because=because, source=SOURCE, at=whole(clock.now())),
        )

    def _settle(self, request: Request, generation: int, step: Callable[[Request], Step]) -> None:
        """Applies `step` only if the decision is still owed to the token that was tried. A newer token needs its own try."""

        def work_out(standing: Request) -> Step | None:
            owed = standing.resume_state == "OWED" and standing.generation == generation
            return step(standing) if owed else None

        self._approvals.change(request.approval_id, work_out)
