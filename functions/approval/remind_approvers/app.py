"""Put the events that are due of requests on the bus: reminders, escalations, results. `tell` tells people from there."""

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
"""What one more request may take. With less left the rest waits for the next minute."""


class Settings(Struct, frozen=True, kw_only=True):
    approvals_table: str
    event_bus_name: str
    approvals_url: str


class Result(Struct, frozen=True, kw_only=True):
    """How many requests were looked at."""

    looked_at: int


@triggered
def handler(context: Context) -> Result:
    """On a schedule. One request that fails does not keep the others waiting, and is counted."""
    configured = settings(Settings)
    reminding = Reminding(
        Approvals(configured.approvals_table), EventBus(configured.event_bus_name), configured.approvals_url
    )
    looked_at = 0
    for approval_id in due(configured.approvals_table, clock.now()):
        if context.get_remaining_time_in_millis() < ENOUGH_MILLISECONDS:
            logger.info("the rest is left to the next call")
            break
        looked_at += 1
        _put_due(reminding, approval_id)
    return Result(looked_at=looked_at)


def _put_due(reminding: Reminding, approval_id: str) -> None:
    try:
        reminding.put_due(approval_id)
    except GatehouseError:
        count("ApproversNotTold")
        logger.exception("could not put what is due", extra={"approval_id": approval_id})
