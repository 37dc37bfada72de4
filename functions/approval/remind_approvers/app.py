"""Tell people what is due: reminders, escalations, results. Nothing is due twice, and nothing is forgotten."""

from msgspec import Struct

from functions.approval.remind_approvers.telling import Telling
from functions.shared import clock
from functions.shared.approval_index import due
from functions.shared.approvals import Approvals
from functions.shared.delegations import Delegations
from functions.shared.handlers import Context, triggered
from functions.shared.messages import Messages
from functions.shared.observability import count, logger
from functions.shared.personal_mail import PersonalMail
from functions.shared.settings import settings
from workflows.errors import GatehouseError

ENOUGH_MILLISECONDS = 15_000
"""What one more request may take. With less left the rest waits for the next minute."""


class Settings(Struct, frozen=True, kw_only=True):
    approvals_table: str
    delegations_table: str
    notifications_topic_arn: str
    event_bus_name: str
    approvals_url: str
    mail_from: str = ""
    user_pool_id: str = ""


class Result(Struct, frozen=True, kw_only=True):
    """How many requests were looked at."""

    looked_at: int


@triggered
def handler(context: Context) -> Result:
    """On a schedule. One request that fails does not keep the others waiting, and is counted."""
    configured = settings(Settings)
    telling = Telling(
        Approvals(configured.approvals_table),
        Delegations(configured.delegations_table),
        Messages(configured.notifications_topic_arn, configured.event_bus_name),
        PersonalMail(configured.mail_from, configured.user_pool_id),
        configured.approvals_url,
    )
    looked_at = 0
    for approval_id in due(configured.approvals_table, clock.now()):
        if context.get_remaining_time_in_millis() < ENOUGH_MILLISECONDS:
            logger.info("the rest is told by the next call")
            break
        looked_at += 1
        try:
            telling.tell(approval_id)
        except GatehouseError:
            count("ApproversNotTold")
            logger.exception("could not tell", extra={"approval_id": approval_id})
    return Result(looked_at=looked_at)
