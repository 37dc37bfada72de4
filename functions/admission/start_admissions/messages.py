"""The messages of a batch, read: one knock for each certificate."""

from typing import Any

from msgspec import Struct

from functions.shared import queue_messages
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
    """`size` is the number of messages. `knocks` has each certificate's first knock, by certificate id. `malformed` has the ids
    of messages without a knock."""

    size: int
    knocks: dict[str, Knock]
    malformed: tuple[str, ...]


def read(event: Any) -> Batch:
    """Anybody with access to the queue may have written a message, so a message that cannot be read must not block the others.

    Raises `BadInput` for an event that is not a batch.
    """
    knocks: dict[str, Knock] = {}
    malformed: list[str] = []
    messages = queue_messages.read(event)
    for message in messages:
        try:
            registered = stored.read(message.body)
            certificate_id = read_event(registered).certificate_id
        except (stored.Unreadable, EventMalformed) as error:
            logger.warning("message %s: %s", message.message_id, error)
            malformed.append(message.message_id)
            continue
        knock = Knock(message_id=message.message_id, certificate_id=certificate_id, event=registered)
        knocks.setdefault(certificate_id, knock)
    return Batch(size=len(messages), knocks=knocks, malformed=tuple(malformed))
