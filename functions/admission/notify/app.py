"""Put the outcome for the device on the event bus. From there, programs and people get it."""

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

    A repeat puts the event a second time, with the same execution, so that it is never lost. `tell` tells people, but not of a trial.
    """
    event_id = EventBus(settings(Settings).event_bus_name).put(notification.event(ended), ended.execution.arn)
    count("AdmissionEnded", outcome=ended.outcome)
    return Notification(event_id=event_id)
