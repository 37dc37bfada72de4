"""Tell people what the events on the bus mean for them."""

from typing import Any

from msgspec import Struct

from functions.notification.tell import received
from functions.notification.tell.channels import Queue, Topic
from functions.notification.tell.telling import Telling
from functions.shared.approvals import Approvals
from functions.shared.delegations import Delegations
from functions.shared.observability import count, logger, observed
from functions.shared.personal_mail import PersonalMail
from functions.shared.settings import settings

ENOUGH_MILLISECONDS = 15_000
"""What one more message may take. With less left the rest of the batch comes again."""


class Settings(Struct, frozen=True, kw_only=True):
    approvals_table: str
    delegations_table: str
    notifications_topic_arn: str
    tell_queue_url: str
    approvals_url: str
    mail_from: str = ""
    user_pool_id: str = ""


@observed
def handler(event: Any, context: Any) -> Any:
    """A batch of the queue TellQueue. Returns the ids of the messages that failed; Amazon SQS deletes the others.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting. One that keeps failing
    ends in the dead-letter queue.
    """
    used = settings(Settings)
    telling = Telling(
        Approvals(used.approvals_table),
        Delegations(used.delegations_table),
        topic=Topic(used.notifications_topic_arn),
        queue=Queue(used.tell_queue_url),
        mail=PersonalMail(used.mail_from, used.user_pool_id),
        approvals_url=used.approvals_url,
    )
    failed = [record["messageId"] for record in event["Records"] if not _is_told(telling, record, context)]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _is_told(telling: Telling, record: Any, context: Any) -> bool:
    """False if the message has to come again. Whatever one fails on, the others of the batch are not told twice for it."""
    if context.get_remaining_time_in_millis() < ENOUGH_MILLISECONDS:
        return False
    try:
        telling.tell(received.read(record["body"]))
    except Exception:  # noqa: BLE001 - the others of the batch have been told, or shall be
        count("NotTold")
        logger.exception("message %s could not be told", record["messageId"])
        return False
    return True
