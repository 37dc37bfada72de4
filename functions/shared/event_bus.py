"""The event bus, for programs and for the function that tells people. An event may arrive twice, and is never lost."""

from typing import Any

import msgspec

from functions.shared.aws import client, translated
from workflows.errors import AwsUnavailable
from workflows.events import SOURCE, Event


class EventBus:
    """The bus of this name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def put(self, event: Event, *resources: str) -> str:
        """Put one event on the bus. `resources` are the ARNs that it is about. Returns the event's id.

        Raises `AwsUnavailable` if the bus did not accept it. PutEvents then returns 200, with the failure in its body
        (https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html).
        """
        entry: dict[str, Any] = {
            "Source": SOURCE,
            "DetailType": event.detail_type,
            "Detail": msgspec.json.encode(event).decode(),
            "EventBusName": self._name,
            "Resources": list(resources),
        }
        with translated():
            answer = client("events").put_events(Entries=[entry])
        taken = answer["Entries"][0]
        if answer["FailedEntryCount"]:
            raise AwsUnavailable(
                f"EventBridge refused the event: {taken.get('ErrorCode')}: {taken.get('ErrorMessage')}"
            )
        event_id: str = taken["EventId"]
        return event_id
