"""Puts the due events of requests on the event bus: reminders, escalations, results. `tell` then notifies people."""

from msgspec import Struct

from functions.approval.remind_approvers.reminding import Reminding
from functions.shared import clock
from functions.shared.approval_index import due
from functions.shared.approvals import Approvals
from functions.shared.event_bus import EventBus
from functions.shared.handlers import Context, triggered
from functions.shared.observability import count, logger
from functions.shared.settings import settings
from workflows.errors import GatehouseError

ENOUGH_MILLISECONDS = 15_000
"""The longest time that one request takes. If less time is left, the other requests wait for the next minute."""


class Settings(Struct, frozen=True, kw_only=True):
    approvals_table: str
    event_bus_name: str
    approvals_url: str


class Result(Struct, frozen=True, kw_only=True):
    """`looked_at` is the number of requests that were checked."""

    looked_at: int


@triggered
def handler(context: Context) -> Result:
    """Runs on a schedule. A request that fails does not stop the others, and is counted."""
    configured = settings(Settings)
    reminding = Reminding(
        Approvals(configured.approvals_table), EventBus(configured.event_bus_name), configured.approvals_url
    )
    looked_at = 0
    for approval_id in due(configured.approvals_table, clock.now()):
        if context.get_remaining_time_in_millis() < ENOUGH_MILLISECONDS:
            logger.info("out of time: the next call handles the other requests")
            break
        looked_at += 1
        _put_due(reminding, approval_id)
    return Result(looked_at=looked_at)


def _put_due(reminding: Reminding, approval_id: str) -> None:
    try:
        reminding.put_due(approval_id)
    except GatehouseError:
        count("ApproversNotTold")
        logger.exception("could not put the event that is due", extra={"approval_id": approval_id})
