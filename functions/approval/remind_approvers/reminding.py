"""One event of one request: worked out, put on the bus, and noted."""

from datetime import datetime

from functions.shared import clock
from functions.shared.approvals import Approvals
from functions.shared.event_bus import EventBus
from workflows.approval import events, notices
from workflows.approval import request as requests
from workflows.approval.notices import Kind
from workflows.approval.request import Request, whole

SOURCE = "remind_approvers"
MOST_AT_ONCE = 5
"""Of one request, a call puts at most so many events: there are no more kinds that can be due at once."""


class Reminding:
    """Put the event first, then note it: after a crash in between, the event comes twice and is not lost."""

    def __init__(self, approvals: Approvals, bus: EventBus, approvals_url: str) -> None:
        self._approvals = approvals
        self._bus = bus
        self._approvals_url = approvals_url

    def put_due(self, approval_id: str) -> None:
        """Everything that is due of one request by now. Raises `AwsUnavailable`: then it is still due."""
        for _ in range(MOST_AT_ONCE):
            request, at = self._approvals.get(approval_id), whole(clock.now())
            following = notices.due(request)
            if following is None or at < following[1]:
                return
            self._next(request, following[0], at)

    def _next(self, request: Request, kind: Kind, at: datetime) -> None:
        if kind == "lapse":
            self._approvals.change(
                request.approval_id, lambda standing: requests.expire(standing, at=whole(clock.now()), source=SOURCE)
            )
            return
        link = f"{self._approvals_url}/approvals/{request.approval_id}"
        self._bus.put(events.due(request, kind, link, at=at), request.execution_arn)
        self._approvals.change(request.approval_id, lambda standing: notices.told(standing, kind, at=at))
