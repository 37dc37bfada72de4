"""A batch of messages as Lambda hands it over, and the response by which Amazon SQS knows those that failed.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
"""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from functions.shared.observability import logger
from workflows import stored
from workflows.admission.errors import EventMalformed
from workflows.admission.registration import read_event


class Knock(Struct, frozen=True, kw_only=True):
    """`event` is the whole registration event, as AWS IoT published it."""

    message_id: str
    certificate_id: str
    event: Any


class Batch(Struct, frozen=True, kw_only=True):
    """`size` messages: the first knock of each certificate, by certificate id, and the ids of the messages that hold none."""

    size: int
    knocks: dict[str, Knock]
    malformed: tuple[str, ...]


class BatchItemFailure(Struct, frozen=True, kw_only=True, rename="camel"):
    item_identifier: str


class BatchResponse(Struct, frozen=True, kw_only=True, rename="camel"):
    """The messages that failed; Amazon SQS deletes the others."""

    batch_item_failures: tuple[BatchItemFailure, ...]


def response(failed: Iterable[str]) -> BatchResponse:
    """`failed` are ids of messages."""
    return BatchResponse(batch_item_failures=tuple(BatchItemFailure(item_identifier=one) for one in failed))


def read(event: Any) -> Batch:
    """Whoever may send to the queue may have written the messages, so one that cannot be read must not keep the others back."""
    knocks: dict[str, Knock] = {}
    malformed: list[str] = []
    for record in event["Records"]:
        try:
            registered = stored.read(record["body"])
            certificate_id = read_event(registered).certificate_id
        except (stored.Unreadable, EventMalformed) as error:
            logger.warning("message %s: %s", record["messageId"], error)
            malformed.append(record["messageId"])
            continue
        knocks.setdefault(
            certificate_id, Knock(message_id=record["messageId"], certificate_id=certificate_id, event=registered)
        )
    return Batch(size=len(event["Records"]), knocks=knocks, malformed=tuple(malformed))
