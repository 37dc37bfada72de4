"""Tell programs and people what became of the device."""

from msgspec import Struct

from functions.shared.handlers import step
from functions.shared.messages import Messages
from functions.shared.observability import count
from functions.shared.settings import settings
from workflows.admission import notification
from workflows.admission.contracts import Notification, NotifyInput


class Settings(Struct, frozen=True, kw_only=True):
    notifications_topic_arn: str
    event_bus_name: str


@step(NotifyInput)
def handler(ended: NotifyInput) -> Notification:
    """States *Notify* and *Notify of the end*. Raises AwsUnavailable (retryable).

    People are not told of a trial: whoever began it sees how it ends. Programs are, by an event that says so.

    A repeat tells twice rather than not at all. The event goes first: programs can tell a repeat by its execution, people cannot.
    """
    used = settings(Settings)
    messages = Messages(used.notifications_topic_arn, used.event_bus_name)
    event_id = messages.event(notification.DETAIL_TYPE, notification.event(ended), ended.execution.arn)
    count("AdmissionEnded", outcome=ended.outcome)
    if ended.seal.trial:
        return Notification(message_id="", event_id=event_id)
    said = notification.message(ended)
    message_id = messages.mail(said.subject, said.text, kind=f"admission_{ended.outcome}")
    return Notification(message_id=message_id, event_id=event_id)
