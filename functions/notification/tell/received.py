"""The queue's content: an event, as EventBridge delivers it, or a letter, as this function wrote it."""

from msgspec import Struct

from workflows import events, stored
from workflows.events import Event


class Letter(Struct, frozen=True, kw_only=True):
    """One mail to one person about one request. Its text is written when it is sent, from the request at that time.

    `event` is the detail type of its event. `rights` has the subjects whose right to vote the person has: their own, or that of
    somebody who delegated to them; empty for the person who entered the device. Later versions read what earlier ones wrote.
    """

    event: str
    approval_id: str
    to: str
    rights: tuple[str, ...] = ()


def read(body: str) -> Event | Letter:
    """Raises `BadInput`."""
    found = stored.read(body)
    if isinstance(found, dict) and "detail-type" in found:
        return events.read(body)
    return stored.read(body, Letter)
