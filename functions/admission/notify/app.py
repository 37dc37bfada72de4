"""Tell programs and people what became of the device."""

from typing import Any

from msgspec import Struct

from functions.shared.messages import Messages
from functions.shared.observability import count, observed
from functions.shared.settings import settings
from workflows.admission import contracts, notification


class Settings(Struct, frozen=True, kw_only=True):
    notifications_topic_arn: str
    event_bus_name: str


@observed
def handler(event: Any, context: Any) -> Any:  # noqa: ARG001
    """States *Notify* and *Notify of the end*. Input: NotifyInput; output: Notification. Raises AwsUnavailable (retryable).

    People are not told of a trial: whoever began it sees how it ends. Programs are, by an event that says so.

    A repeat tells twice rather than not at all. The event goes first: programs can tell a repeat by its execution, people cannot.
    """
    ended = contracts.read(contracts.NotifyInput, event)
    used = settings(Settings)
    messages = Messages(used.notifications_topic_arn, used.event_bus_name)
    event_id = messages.event(notification.DETAIL_TYPE, notification.event(ended), ended.execution.arn)
    count("AdmissionEnded", outcome=ended.outcome)
    if ended.seal.trial:
        return contracts.write(contracts.Notification(message_id="", event_id=event_id))
    said = notification.message(ended)
    message_id = messages.mail(said.subject, said.text, kind=f"admission_{ended.outcome}")
    return contracts.write(contracts.Notification(message_id=message_id, event_id=event_id))
