"""Put on the event bus what became of the device: programs and people are told from there."""

from msgspec import Struct

from functions.shared.event_bus import EventBus
from functions.shared.handlers import step
from functions.shared.observability import count
from functions.shared.settings import settings
from workflows.admission import notification
from workflows.admission.contracts import Notification, NotifyInput


class Settings(Struct, frozen=True, kw_only=True):
    event_bus_name: str


@step(NotifyInput)
def handler(ended: NotifyInput) -> Notification:
    """States *Notify* and *Notify of the end*. Raises AwsUnavailable (retryable).

    A repeat puts the event twice rather than not at all: its execution tells a repeat. `tell` tells people, but not of a trial.
    """
    event_id = EventBus(settings(Settings).event_bus_name).put(notification.event(ended), ended.execution.arn)
    count("AdmissionEnded", outcome=ended.outcome)
    return Notification(event_id=event_id)
