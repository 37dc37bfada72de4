"""Tell people what the events on the bus mean for them."""

from msgspec import Struct

from functions.notification.tell import received
from functions.notification.tell.channels import Queue, Topic
from functions.notification.tell.telling import Telling
from functions.shared import queue_messages
from functions.shared.approvals import Approvals
from functions.shared.delegations import Delegations
from functions.shared.handlers import Context, on_event
from functions.shared.observability import count, logger
from functions.shared.personal_mail import PersonalMail
from functions.shared.queue_messages import Message
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


@on_event(queue_messages.read)
def handler(batch: tuple[Message, ...], context: Context) -> queue_messages.Response:
    """A batch of the queue TellQueue. Amazon SQS deletes each message that the result does not name.

    A message that keeps failing ends in the dead-letter queue.
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
    return queue_messages.response(one.message_id for one in batch if not _is_told(telling, one, context))


def _is_told(telling: Telling, message: Message, context: Context) -> bool:
    """False if the message has to come again. Whatever one fails on, the others of the batch are not told twice for it."""
    if context.get_remaining_time_in_millis() < ENOUGH_MILLISECONDS:
        return False
    try:
        telling.tell(received.read(message.body))
    except Exception:  # noqa: BLE001 - the others of the batch have been told, or shall be
        count("NotTold")
        logger.exception("message %s could not be told", message.message_id)
        return False
    return True
