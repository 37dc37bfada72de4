"""Telling people (SNS) and programs (EventBridge). Both may be told twice; neither is ever told nothing."""

from typing import Any

import msgspec

from functions.shared.aws import client, translated
from workflows.errors import AwsUnavailable

SOURCE = "gatehouse"
"""`source` of every event."""


class Messages:
    """The stack's topic and event bus."""

    def __init__(self, topic_arn: str, event_bus: str) -> None:
        self._topic_arn = topic_arn
        self._event_bus = event_bus

    def mail(self, subject: str, text: str, kind: str) -> str:
        """Publish to the topic; `kind` is an attribute that subscriptions can filter on. Returns the message id."""
        with translated():
            answer = client("sns").publish(
                TopicArn=self._topic_arn,
                Subject=subject,
                Message=text,
                MessageAttributes={"kind": {"DataType": "String", "StringValue": kind}},
            )
        message_id: str = answer["MessageId"]
        return message_id

    def event(self, detail_type: str, detail: object, *resources: str) -> str:
        """Put one event on the bus. Returns the event id. Raises `AwsUnavailable` if the bus did not take it."""
        entry: dict[str, Any] = {
            "Source": SOURCE,
            "DetailType": detail_type,
            "Detail": msgspec.json.encode(detail).decode(),
            "EventBusName": self._event_bus,
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
