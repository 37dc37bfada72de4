"""Send messages to people for the events on the bus."""

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
"""The time that one more message may take. If less is left, the rest of the batch is delivered again."""


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
    environment = settings(Settings)
    telling = Telling(
        Approvals(environment.approvals_table),
        Delegations(environment.delegations_table),
        topic=Topic(environment.notifications_topic_arn),
        queue=Queue(environment.tell_queue_url),
        mail=PersonalMail(environment.mail_from, environment.user_pool_id),
        approvals_url=environment.approvals_url,
    )
    return queue_messages.response(one.message_id for one in batch if not _is_told(telling, one, context))


def _is_told(telling: Telling, message: Message, context: Context) -> bool:
    """Returns False if the message has to be delivered again. An error of one message must not repeat the others of the batch."""
    if context.get_remaining_time_in_millis() < ENOUGH_MILLISECONDS:
        return False
    try:
        telling.tell(received.read(message.body))
    except Exception:  # noqa: BLE001 - the others of the batch were sent, or will be
        count("NotTold")
        logger.exception("message %s could not be told", message.message_id)
        return False
    return True
