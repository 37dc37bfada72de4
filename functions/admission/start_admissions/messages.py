"""The messages of a batch, read: one knock for each certificate."""

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


def read(batch: Any) -> tuple[dict[str, Knock], list[str]]:
    """The knocks by certificate id, of repeats the first; and the ids of messages that hold no registration event.

    Whoever may send to the queue may have written them, so one that cannot be read must not keep the others back.
    """
    knocks: dict[str, Knock] = {}
    malformed: list[str] = []
    for record in batch["Records"]:
        try:
            event = stored.read(record["body"])
            certificate_id = read_event(event).certificate_id
        except (stored.Unreadable, EventMalformed) as error:
            logger.warning("message %s: %s", record["messageId"], error)
            malformed.append(record["messageId"])
            continue
        knocks.setdefault(
            certificate_id, Knock(message_id=record["messageId"], certificate_id=certificate_id, event=event)
        )
    return knocks, malformed
