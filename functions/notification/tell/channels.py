"""Where messages go: the stack's topic, and the function's own queue for the letters to single people."""

from collections.abc import Sequence

import msgspec

from functions.notification.tell.received import Letter
from functions.shared.aws import client, translated
from workflows.errors import AwsUnavailable
from workflows.message import Message

_BATCH = 10
"""Messages in one SendMessageBatch (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html)."""


class Topic:
    """The stack's topic."""

    def __init__(self, arn: str) -> None:
        self._arn = arn

    def publish(self, message: Message) -> None:
        """Raises `AwsUnavailable`, `AccessRefused`."""
        with translated():
            client("sns").publish(
                TopicArn=self._arn,
                Subject=message.subject,
                Message=message.text,
                MessageAttributes={"kind": {"DataType": "String", "StringValue": message.kind}},
            )


class Queue:
    """The queue that this function reads."""

    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, letters: Sequence[Letter]) -> None:
        """Raises `AwsUnavailable`, `AccessRefused` if not all were taken."""
        for start in range(0, len(letters), _BATCH):
            entries = [
                {"Id": str(number), "MessageBody": msgspec.json.encode(letter).decode()}
                for number, letter in enumerate(letters[start : start + _BATCH])
            ]
            with translated():
                answer = client("sqs").send_message_batch(QueueUrl=self._url, Entries=entries)
            if refused := answer.get("Failed"):
                raise AwsUnavailable(f"SQS refused {len(refused)} of {len(entries)} letters: {refused[0].get('Code')}")
