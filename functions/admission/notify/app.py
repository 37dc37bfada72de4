"""Put on the event bus what became of the device: programs and people are told from there."""

from typing import Any

from msgspec import Struct

from functions.shared.event_bus import EventBus
from functions.shared.observability import count, observed
from functions.shared.settings import settings
from workflows.admission import contracts, notification


class Settings(Struct, frozen=True, kw_only=True):
    event_bus_name: str


@observed
def handler(event: Any, context: Any) -> Any:  # noqa: ARG001
    """States *Notify* and *Notify of the end*. Input: NotifyInput; output: Notification. Raises AwsUnavailable (retryable).

    A repeat puts the event twice rather than not at all: its execution tells a repeat. `tell` tells people, but not of a trial.
    """
    ended = contracts.read(contracts.NotifyInput, event)
    event_id = EventBus(settings(Settings).event_bus_name).put(notification.event(ended), ended.execution.arn)
    count("AdmissionEnded", outcome=ended.outcome)
    return contracts.write(contracts.Notification(event_id=event_id))
