"""A batch of a queue's messages as Lambda passes it, and the response that names the failed messages to Amazon SQS.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
"""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct, field

from workflows.admission import contracts


class Message(Struct, frozen=True, kw_only=True, rename="camel"):
    """`body` is the text that the sender wrote, of any shape."""

    message_id: str
    body: str


class _Batch(Struct, frozen=True, kw_only=True):
    records: tuple[Message, ...] = field(name="Records")


class Failure(Struct, frozen=True, kw_only=True, rename="camel"):
    """A message that failed. SQS delivers it again; if it keeps failing, it ends in the queue's dead-letter queue."""

    item_identifier: str


class Response(Struct, frozen=True, kw_only=True, rename="camel"):
    """Amazon SQS deletes each message of the batch that is not listed here."""

    batch_item_failures: list[Failure]


def read(event: Any) -> tuple[Message, ...]:
    """Raises `BadInput` for an event that is not a batch."""
    return contracts.read(_Batch, event).records


def response(failed: Iterable[str]) -> Response:
    """`failed` are ids of messages."""
    return Response(batch_item_failures=[Failure(item_identifier=one) for one in failed])
