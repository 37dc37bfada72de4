"""Bringing one decision to the execution that waits for it, as often as it takes and without harm if it is there already."""

from collections.abc import Callable

from functions.approval.resume_execution import executions
from functions.shared import clock, task_tokens
from functions.shared.approvals import Approvals
from functions.shared.messages import Messages
from functions.shared.observability import count, logger
from workflows.approval import request as requests
from workflows.approval import wording
from workflows.approval.request import Request, Step, whole

SOURCE = "resume_execution"


class Resumption:
    """Every call may be repeated, come late, or run twice at once."""

    def __init__(self, approvals: Approvals, messages: Messages, *, data_key_arn: str, approvals_url: str) -> None:
        self._approvals = approvals
        self._messages = messages
        self._data_key_arn = data_key_arn
        self._approvals_url = approvals_url

    def resume(self, approval_id: str) -> None:
        """Deliver what is owed. Raises `AwsUnavailable`: then it is still owed."""
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
                logger.info("the token is spent and no newer one has come; the sweeper asks again")

    def _delivered(self, request: Request, generation: int) -> None:
        self._settle(
            request, generation, lambda standing: requests.delivered(standing, source=SOURCE, at=whole(clock.now()))
        )
        count("DecisionDelivered")

    def _lost(self, request: Request, generation: int) -> None:
        """Tell first, then note it: a crash in between tells twice rather than never."""
        because = f"The execution {request.execution_arn} ended before it could take the decision."
        count("ApprovalNotCarriedOut")
        link = f"{self._approvals_url}/approvals/{request.approval_id}"
        head = f"{request.status.capitalize()}, not carried out"
        what = f"certificate {request.certificate_id[:8]} for {wording.plain(request.device)}"
        text = f"{head}: {what}.\n\n{requests.outcome_sentence(request)}\n{because}\n\n{link}\n"
        self._messages.mail(wording.subject(head, request), text, "approval_not_carried_out")
        detail = {
            "approval_id": request.approval_id,
            "certificate_id": request.certificate_id,
            "because": because,
            "link": link,
        }
        self._messages.event("Approval not carried out", detail, request.execution_arn)
        self._settle(
            request,
            generation,
            lambda standing: requests.lost(standing, because=because, source=SOURCE, at=whole(clock.now()), told=True),
        )

    def _settle(self, request: Request, generation: int, step: Callable[[Request], Step]) -> None:
        """Only if it is still owed to the token that was tried: a newer one has to be tried itself."""

        def work_out(standing: Request) -> Step | None:
            owed = standing.resume_state == "OWED" and standing.generation == generation
            return step(standing) if owed else None

        self._approvals.change(request.approval_id, work_out)
